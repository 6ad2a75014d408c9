// y_i = E[id_i]: a row of the table for each id. A row of t ids becomes t rows. Ids are integers,
// or float32 values that are truncated.
#include "kernels/rows.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

struct Saved {
  std::int32_t* ids = nullptr;  // [output rows]
};

class Embedding final : public Layer {
 public:
  explicit Embedding(const Options& options)
      : count_(options.integer("input_dim")), width_(options.integer("output_dim")) {
    require(count_ >= 1, "input_dim: expected at least 1, got ", count_);
    require(width_ >= 1, "output_dim: expected at least 1, got ", width_);
  }

  bool reads_whole_samples() const override { return true; }
  bool reads_integers() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index each = x.width, rows = pass.rows * each;
    auto* saved = pass.arena->make<Saved>();
    saved->ids = pass.arena->take<std::int32_t>(rows);
    pass.saved = saved;
    for (Index i = 0; i < pass.rows; ++i)
      for (Index j = 0; j < each; ++j) {
        const double id =
            x.is_integer() ? x.integers.row(i)[j] : static_cast<double>(x.dense.row(i)[j]);
        require(id > -1 && id < static_cast<double>(count_), "ids: expected 0 to ", count_ - 1,
                ", got ", id);
        saved->ids[i * each + j] = static_cast<std::int32_t>(id);
      }
    float* y = pass.take_output(width_, rows);
    const float* table = block_.slice(table_);
    const Index stride = block_.at(table_).row_floats();
    parallel_for(rows, static_cast<double>(width_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        copy_or_add(table + saved->ids[i] * stride, y + i * pass.output.stride, width_, false);
    });
  }

  // The gradient of a table row is the sum over its ids in their order; threads split the columns.
  // Rows without an id are updated too, with a gradient of 0, as those of any kernel.
  void backward(BackwardPass& pass) override {
    if (const GradientSlot& slot = pass.d_inputs[0]; slot.data)
      slot.start_rows(0, pass.rows, pass.inputs[0].width);
    if (!pass.sink) return;
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Parameter& table = block_.at(table_);
    const Index stride = table.row_floats(), floats = table.slice_floats();
    float* gradient = pass.arena->take<float>(floats);
    parallel_for(ceil_divide(floats, kPanelWidth), kPanelWidth, [&](Index begin, Index end) {
      std::fill(gradient + begin * kPanelWidth, gradient + std::min(end * kPanelWidth, floats),
                0.0f);
    });
    const Index rows = pass.output->count, blocks = ceil_divide(width_, kPanelWidth);
    parallel_for(blocks, static_cast<double>(rows * kPanelWidth), [&](Index begin, Index end) {
      const Index first = begin * kPanelWidth, last = std::min(end * kPanelWidth, width_);
      for (Index i = 0; i < rows; ++i)
        copy_or_add(pass.d_output + i * pass.d_output_stride + first,
                    gradient + saved->ids[i] * stride + first, last - first, true);
    });
    const UpdateTarget target = pass.sink->begin(table_, 0);
    parallel_for(
        ceil_divide(floats, kUpdated), kUpdated * kUpdateOperations, [&](Index begin, Index end) {
          const Index first = begin * kUpdated;
          apply_update(target, first, gradient + first, std::min(end * kUpdated, floats) - first);
        });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "Embedding: expected one input, got ", widths.size());
    table_ = block_.add_rows("embeddings", "kernel", count_, width_);
    return width_;
  }

 private:
  static constexpr Index kUpdated = 4096;  // values of an update at a time

  Index count_, width_;
  int table_ = -1;
};

const bool registered = Registry<Layer>::add<Embedding>("embedding");

}  // namespace
}  // namespace gatewise
