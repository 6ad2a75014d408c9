// The rows of several inputs one after another, along an axis that is not the last. An input sample
// is `outer` blocks of rows; block o of the output is block o of each input in turn.
#include "kernels/rows.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class ConcatenateRows final : public Layer {
 public:
  explicit ConcatenateRows(const Options& options) : outer_(options.integer("outer")) {
    require(outer_ >= 1, "outer: expected at least 1, got ", outer_);
  }

  bool reads_whole_samples() const override { return true; }

  void forward(ForwardPass& pass) const override {
    const Index rows = sum_rows(pass.input_rows), blocks = pass.samples * outer_;
    float* y = pass.take_output(width_, rows);
    parallel_for(blocks, static_cast<double>(rows / blocks * width_), [&](Index begin, Index end) {
      for (Index block = begin; block < end; ++block)
        for_block(block, blocks, pass.input_rows, [&](std::size_t input, Index row, Index to) {
          copy_or_add(pass.inputs[input].dense.row(row), y + to * pass.output.stride, width_,
                      false);
        });
    });
  }

  void backward(BackwardPass& pass) override {
    const Index rows = pass.output->count, blocks = pass.samples * outer_;
    parallel_for(blocks, static_cast<double>(rows / blocks * width_), [&](Index begin, Index end) {
      for (Index block = begin; block < end; ++block)
        for_block(block, blocks, pass.input_rows, [&](std::size_t input, Index row, Index to) {
          const GradientSlot& slot = pass.d_inputs[input];
          if (slot.data)
            copy_or_add(pass.d_output + to * pass.d_output_stride, slot.data + row * slot.stride,
                        width_, slot.accumulate);
        });
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() >= 2, "Concatenate: expected at least two inputs, got ", widths.size());
    for (const Index width : widths)
      require(width == widths[0], "Concatenate: expected inputs of one width, got ", widths[0],
              " and ", width);
    count_ = widths.size();
    width_ = widths[0];
    return width_;
  }

 private:
  Index sum_rows(const Index* rows) const {
    Index sum = 0;
    for (std::size_t input = 0; input < count_; ++input) sum += rows[input];
    return sum;
  }

  // Calls body(input, row of the input, row of the output) for the rows of a block.
  template <typename Body>
  void for_block(Index block, Index blocks, const Index* rows, const Body& body) const {
    Index to = block * (sum_rows(rows) / blocks);
    for (std::size_t input = 0; input < count_; ++input) {
      const Index each = rows[input] / blocks;
      for (Index row = block * each; row < (block + 1) * each; ++row, ++to) body(input, row, to);
    }
  }

  Index outer_;
  std::size_t count_ = 0;
  Index width_ = 0;
};

const bool registered = Registry<Layer>::add<ConcatenateRows>("concatenate_rows");

}  // namespace
}  // namespace gatewise
