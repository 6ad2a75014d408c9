// Add, Subtract, Multiply and Concatenate of two or more inputs, row by row, as Eigen views.
#include <Eigen/Core>

#include "layers/layer.h"

namespace gatewise {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

class Merge : public Layer {
 public:
  explicit Merge(const Options&) {}

 protected:
  Index declare_equal(const char* name, const std::vector<Index>& widths) {
    require(widths.size() >= 2, name, ": expected at least two inputs, got ", widths.size());
    for (const Index width : widths)
      require(width == widths[0], name, ": expected inputs of one width, got ", widths[0], " and ",
              width);
    count_ = widths.size();
    return widths[0];
  }

  // Sets y to the first input, then calls combine(y, x) for each of the others.
  template <typename Combine>
  void forward_equal(ForwardPass& pass, const Combine& combine) const {
    const Index width = pass.inputs[0].width;
    float* y = pass.take_output(width);
    for_rows(pass.rows, width, [&](Index i) {
      Row row(y + i * pass.output.stride, width);
      row = input(pass.inputs[0], i);
      for (std::size_t at = 1; at < count_; ++at) combine(row, input(pass.inputs[at], i));
    });
  }

  template <typename Body>
  static void for_rows(Index rows, Index width, const Body& body) {
    parallel_for(rows, static_cast<double>(width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) body(i);
    });
  }

  static ConstRow input(const Input& x, Index i) { return {x.dense.row(i), x.width}; }

  // Writes or adds `value` to row i of a slot.
  template <typename Value>
  static void write_or_add(const GradientSlot& slot, Index i, Index width, const Value& value) {
    Row row(slot.data + i * slot.stride, width);
    if (slot.accumulate)
      row += value;
    else
      row = value;
  }

  std::size_t count_ = 0;
};

class Add final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    forward_equal(pass, [](Row& y, const ConstRow& x) { y += x; });
  }

  void backward(BackwardPass& pass) override {
    const Index width = pass.inputs[0].width;
    for_rows(pass.rows, width, [&](Index i) {
      const ConstRow d(pass.d_output + i * pass.d_output_stride, width);
      for (std::size_t at = 0; at < count_; ++at)
        if (pass.d_inputs[at].data) write_or_add(pass.d_inputs[at], i, width, d);
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override { return declare_equal("Add", widths); }
};

class Subtract final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    forward_equal(pass, [](Row& y, const ConstRow& x) { y -= x; });
  }

  void backward(BackwardPass& pass) override {
    const Index width = pass.inputs[0].width;
    for_rows(pass.rows, width, [&](Index i) {
      const ConstRow d(pass.d_output + i * pass.d_output_stride, width);
      if (pass.d_inputs[0].data) write_or_add(pass.d_inputs[0], i, width, d);
      if (pass.d_inputs[1].data) write_or_add(pass.d_inputs[1], i, width, -d);
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 2, "Subtract: expected two inputs, got ", widths.size());
    return declare_equal("Subtract", widths);
  }
};

class Multiply final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    forward_equal(pass, [](Row& y, const ConstRow& x) { y *= x; });
  }

  // The gradient of one input is d_y times the product of all others.
  void backward(BackwardPass& pass) override {
    const Index width = pass.inputs[0].width;
    float* products = pass.arena->take<float>(pass.rows * pass.d_output_stride);
    for (std::size_t at = 0; at < count_; ++at) {
      if (!pass.d_inputs[at].data) continue;
      for_rows(pass.rows, width, [&](Index i) {
        Row product(products + i * pass.d_output_stride, width);
        product = ConstRow(pass.d_output + i * pass.d_output_stride, width);
        for (std::size_t other = 0; other < count_; ++other)
          if (other != at) product *= input(pass.inputs[other], i);
        write_or_add(pass.d_inputs[at], i, width, product);
      });
    }
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    return declare_equal("Multiply", widths);
  }
};

class Concatenate final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    float* y = pass.take_output(output_width());
    for_rows(pass.rows, output_width(), [&](Index i) {
      float* to = y + i * pass.output.stride;
      for (std::size_t at = 0; at < count_; ++at) {
        Row(to, pass.inputs[at].width) = input(pass.inputs[at], i);
        to += pass.inputs[at].width;
      }
    });
  }

  void backward(BackwardPass& pass) override {
    for_rows(pass.rows, output_width(), [&](Index i) {
      const float* from = pass.d_output + i * pass.d_output_stride;
      for (std::size_t at = 0; at < count_; ++at) {
        const Index width = pass.inputs[at].width;
        if (pass.d_inputs[at].data)
          write_or_add(pass.d_inputs[at], i, width, ConstRow(from, width));
        from += width;
      }
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() >= 2, "Concatenate: expected at least two inputs, got ", widths.size());
    count_ = widths.size();
    Index total = 0;
    for (const Index width : widths) total += width;
    return total;
  }
};

const bool add_registered = Registry<Layer>::add<Add>("add");
const bool subtract_registered = Registry<Layer>::add<Subtract>("subtract");
const bool multiply_registered = Registry<Layer>::add<Multiply>("multiply");
const bool concatenate_registered = Registry<Layer>::add<Concatenate>("concatenate");

}  // namespace
}  // namespace gatewise
