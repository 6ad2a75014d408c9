// In training, y = x / (1 - rate) with probability 1 - rate, else 0 (Srivastava et al. 2014); in
// prediction, y = x. The mask is not stored: backward draws the same random numbers again.
#include "kernels/rows.h"
#include "layers/layer.h"

namespace gatewise {
namespace {

class Dropout final : public Layer {
 public:
  explicit Dropout(const Options& options) : rate_(static_cast<float>(options.number("rate"))) {
    require(rate_ >= 0 && rate_ < 1, "rate: expected 0 <= rate < 1, got ", rate_);
  }

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    if (!pass.step.training || rate_ == 0) {
      pass.output.rows = x;
      return;
    }
    float* y = pass.take_output(x.width);
    mask(pass.step, pass.rows, x.width, [&](Index i, std::uint64_t stream, Index start) {
      dropout(x.dense.row(i), rate_, seed_, stream, start, y + i * pass.output.stride, x.width,
              false);
    });
  }

  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const Index width = pass.inputs[0].width;
    mask(pass.step, pass.rows, width, [&](Index i, std::uint64_t stream, Index start) {
      dropout(pass.d_output + i * pass.d_output_stride, rate_, seed_, stream, start,
              slot.data + i * slot.stride, width, slot.accumulate);
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "Dropout: expected one input, got ", widths.size());
    return widths[0];
  }

 private:
  // Calls body(row, stream, index of the first random number) for each row. Each step has its own
  // stream.
  template <typename Body>
  void mask(const Step& step, Index rows, Index width, const Body& body) const {
    const std::uint64_t stream = step.stream(stream_) + step.number;
    const Index draws = round_up(width, 4);
    parallel_for(rows, static_cast<double>(width * 8), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) body(i, stream, i * draws);
    });
  }

  float rate_;
};

const bool registered = Registry<Layer>::add<Dropout>("dropout");

}  // namespace
}  // namespace gatewise
