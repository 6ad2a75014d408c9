// y = x / |x| over each row, with the norm |x| at least 1e-12.
#include <algorithm>
#include <cmath>

#include "layers/layer.h"

namespace gatewise {
namespace {

constexpr double kMaxInverse = 1e12;  // as in Keras

struct Saved {
  float* inverse = nullptr;  // [rows], 1 / |x|
};

class UnitNormalization final : public Layer {
 public:
  explicit UnitNormalization(const Options&) {}

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    float* y = pass.take_output(x.width);
    auto* saved = pass.arena->make<Saved>();
    saved->inverse = pass.arena->take<float>(pass.rows);
    pass.saved = saved;
    parallel_for(pass.rows, static_cast<double>(3 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* from = x.dense.row(i);
        double square = 0;
        for (Index j = 0; j < x.width; ++j) square += static_cast<double>(from[j]) * from[j];
        const auto inverse = static_cast<float>(std::min(1.0 / std::sqrt(square), kMaxInverse));
        float* to = y + i * pass.output.stride;
        for (Index j = 0; j < x.width; ++j) to[j] = from[j] * inverse;
        saved->inverse[i] = inverse;
      }
    });
  }

  // d_x = (d_y - y sum(y d_y)) / |x|; where the norm is bounded, it is a constant.
  void backward(BackwardPass& pass) override {
    const GradientSlot& slot = pass.d_inputs[0];
    if (!slot.data) return;
    const auto* saved = static_cast<const Saved*>(pass.saved);
    const Index width = pass.inputs[0].width;
    parallel_for(pass.rows, static_cast<double>(3 * width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const float* y = pass.output->data + i * pass.output->stride;
        const float* d_y = pass.d_output + i * pass.d_output_stride;
        const float inverse = saved->inverse[i];
        double sum = 0;
        for (Index j = 0; j < width; ++j) sum += static_cast<double>(y[j]) * d_y[j];
        const float along = inverse < static_cast<float>(kMaxInverse) ? static_cast<float>(sum) : 0;
        for (Index j = 0; j < width; ++j) slot.put(i, j, inverse * (d_y[j] - y[j] * along));
      }
    });
  }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "UnitNormalization: expected one input, got ", widths.size());
    return widths[0];
  }
};

const bool registered = Registry<Layer>::add<UnitNormalization>("unit_normalization");

}  // namespace
}  // namespace gatewise
