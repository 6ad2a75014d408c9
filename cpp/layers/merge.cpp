// Merges of two or more inputs, row by row, as Eigen views.
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

class Average final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    forward_equal(pass, [](Row& y, const ConstRow& x) { y += x; });
    for_rows(pass.rows, output_width(), [&](Index i) {
      Row(pass.output.data + i * pass.output.stride, output_width()) *= share();
    });
  }

  void backward(BackwardPass& pass) override {
    for_rows(pass.rows, output_width(), [&](Index i) {
      const ConstRow d(pass.d_output + i * pass.d_output_stride, output_width());
      for (std::size_t at = 0; at < count_; ++at)
        if (pass.d_inputs[at].data) write_or_add(pass.d_inputs[at], i, output_width(), d * share());
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    return declare_equal("Average", widths);
  }

 private:
  float share() const { return 1.0f / static_cast<float>(count_); }
};

// The max or min of each value. Its gradient goes to the inputs that attain it, pair by pair from
// the first: y_k = max(y_{k-1}, x_k) gives each half of a tie one half.
template <bool kMax>
class Extreme final : public Merge {
 public:
  using Merge::Merge;

  void forward(ForwardPass& pass) const override {
    forward_equal(pass, [](Row& y, const ConstRow& x) { y = wins(x, y).select(x, y); });
  }

  void backward(BackwardPass& pass) override {
    const Index width = output_width();
    float* before = pass.arena->take<float>(static_cast<Index>(count_) * pass.rows * width);
    for_rows(pass.rows, width, [&](Index i) {
      const auto partial = [&](std::size_t at) {  // the extreme of inputs 0 to `at`
        return Row(before + (static_cast<Index>(at) * pass.rows + i) * width, width);
      };
      partial(0) = input(pass.inputs[0], i);
      for (std::size_t at = 1; at < count_; ++at) {
        const ConstRow x = input(pass.inputs[at], i);
        partial(at) = wins(x, partial(at - 1)).select(x, partial(at - 1));
      }
      Row d(pass.d_output + i * pass.d_output_stride, width);
      for (std::size_t at = count_ - 1; at > 0; --at) {
        const ConstRow x = input(pass.inputs[at], i);
        Row share = partial(at);  // read no more
        for (Index j = 0; j < width; ++j) {
          const float y = partial(at - 1)[j];
          share[j] = x[j] == y ? 0.5f : static_cast<float>(kMax ? x[j] > y : x[j] < y);
        }
        if (pass.d_inputs[at].data) write_or_add(pass.d_inputs[at], i, width, d * share);
        d *= 1.0f - share;
      }
      if (pass.d_inputs[0].data) write_or_add(pass.d_inputs[0], i, width, d);
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    return declare_equal(kMax ? "Maximum" : "Minimum", widths);
  }

 private:
  template <typename X, typename Y>
  static auto wins(const X& x, const Y& y) {
    if constexpr (kMax)
      return x > y;
    else
      return x < y;
  }
};

// y_ij = sum_u a_iu b_ju for the rows i of the first and j of the second input of a sample; one
// value if both have one row.
class Dot final : public Merge {
 public:
  explicit Dot(const Options& options)
      : Merge(options),
        rows_(options.integer("rows")),
        second_rows_(options.integer("second_rows")) {
    require(rows_ >= 1 && second_rows_ >= 1, "axes: expected sizes of at least 1");
  }

  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Index width = pass.inputs[0].width;
    float* y = pass.take_output(second_rows_, pass.samples * rows_);
    for_rows(pass.samples * rows_, second_rows_ * width, [&](Index i) {
      const float* a = pass.inputs[0].dense.row(i);
      for (Index j = 0; j < second_rows_; ++j) {
        const float* b = pass.inputs[1].dense.row(i / rows_ * second_rows_ + j);
        float sum = 0;
        for (Index u = 0; u < width; ++u) sum += a[u] * b[u];
        y[i * pass.output.stride + j] = sum;
      }
    });
  }

  void backward(BackwardPass& pass) override {
    add_products(pass, 0, rows_, second_rows_, [&](Index sample, Index i, Index j) {
      return pass.d_output[(sample * rows_ + i) * pass.d_output_stride + j];
    });
    add_products(pass, 1, second_rows_, rows_, [&](Index sample, Index j, Index i) {
      return pass.d_output[(sample * rows_ + i) * pass.d_output_stride + j];
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 2, "Dot: expected two inputs, got ", widths.size());
    declare_equal("Dot", widths);
    return second_rows_;
  }

 private:
  // Writes or adds to the gradient of rows r of input `at` the sum over rows s of the other of
  // d(sample, r, s) times the row.
  template <typename Factor>
  void add_products(BackwardPass& pass, std::size_t at, Index rows, Index other_rows,
                    const Factor& d) const {
    const GradientSlot& slot = pass.d_inputs[at];
    if (!slot.data) return;
    const Input& other = pass.inputs[1 - at];
    const Index width = other.width;
    for_rows(pass.samples * rows, other_rows * width, [&](Index i) {
      const Index sample = i / rows;
      Row d_x(slot.data + i * slot.stride, width);
      if (!slot.accumulate) d_x = 0.0f;
      for (Index s = 0; s < other_rows; ++s)
        d_x += d(sample, i % rows, s) * input(other, sample * other_rows + s);
    });
  }

  Index rows_, second_rows_;
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
const bool average_registered = Registry<Layer>::add<Average>("average");
const bool maximum_registered = Registry<Layer>::add<Extreme<true>>("maximum");
const bool minimum_registered = Registry<Layer>::add<Extreme<false>>("minimum");
const bool dot_registered = Registry<Layer>::add<Dot>("dot");
const bool concatenate_registered = Registry<Layer>::add<Concatenate>("concatenate");

}  // namespace
}  // namespace gatewise
