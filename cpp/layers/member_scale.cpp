// y_m = x s_m elementwise, for each member m of an ensemble (Wen, Tran and Ba 2020; Gorishniy et
// al. 2025).
#include "layers/layer.h"
#include "layers/member_rows.h"

namespace gatewise {
namespace {

class MemberScale final : public Layer {
 public:
  explicit MemberScale(const Options& options) : members_(members_from(options)) {}

  void forward(ForwardPass& pass) const override {
    const Input& x = pass.inputs[0];
    const Index each = pass.rows / members_;
    float* y = pass.take_output(x.width);
    parallel_for(pass.rows, static_cast<double>(2 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        multiply(x.dense.row(i), block_.slice(scale_, i / each), y + i * pass.output.stride,
                 x.width);
    });
  }

  // d_x = d_y s_m; d_s_m = sum over the member's rows of d_y x.
  void backward(BackwardPass& pass) override {
    const Input& x = pass.inputs[0];
    const Index each = pass.rows / members_;
    const GradientSlot& slot = pass.d_inputs[0];
    parallel_for(pass.rows, static_cast<double>(4 * x.width), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* d_y = pass.d_output + i * pass.d_output_stride;
        if (slot.data) {
          const float* scale = block_.slice(scale_, i / each);
          float* d_x = slot.data + i * slot.stride;
          for (Index j = 0; j < x.width; ++j)
            d_x[j] = d_y[j] * scale[j] + (slot.accumulate ? d_x[j] : 0.0f);
        }
        multiply(d_y, x.dense.row(i), d_y, x.width);
      }
    });
    if (pass.sink)
      grouped_bias_gradient(pass.d_output, pass.d_output_stride,
                            member_groups(pass.rows, members_, *pass.arena), block_, scale_,
                            *pass.sink, *pass.arena);
  }

  Index members() const override { return members_; }

 protected:
  Index declare(const std::vector<Index>& widths) override {
    require(widths.size() == 1, "MemberScale: expected one input, got ", widths.size());
    scale_ = block_.add_expert_vector("scale", members_, widths[0], "scale");
    return widths[0];
  }

 private:
  static void multiply(const float* a, const float* b, float* y, Index count) {
    for (Index j = 0; j < count; ++j) y[j] = a[j] * b[j];
  }

  Index members_;
  int scale_ = -1;
};

const bool registered = Registry<Layer>::add<MemberScale>("member_scale");

}  // namespace
}  // namespace gatewise
