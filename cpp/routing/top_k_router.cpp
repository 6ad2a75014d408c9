// Top-k of a linear map, weighted by softmax (Shazeer et al. 2017, without noise; Jiang et al.
// 2024).
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class TopKRouter final : public SoftmaxRouter {
 public:
  explicit TopKRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), weighing(options)),
        shared_bias_(options.has("router.shared_bias") && options.flag("router.shared_bias")) {}

  bool has_shared_bias() const override { return shared_bias_; }

 private:
  // The softmax over the chosen experts is the softmax over all, normalized over the chosen.
  static Weighing weighing(const Options& options) {
    const std::string over = options.text("router.over");
    require(over == "all" || over == "chosen", "over: expected 'all' or 'chosen', got ", over);
    const bool normalize = options.flag("router.normalize");
    const Weighing combine = weighing_from(options);
    const bool keeps_scores = over == "all" && !normalize;
    return combine == Weighing::kNormalized && keeps_scores ? Weighing::kScores : combine;
  }

  bool shared_bias_;
};

const bool registered = Registry<Router>::add<TopKRouter>("top_k");

}  // namespace
}  // namespace gatewise
