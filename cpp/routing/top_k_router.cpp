// The k best of a linear map, weighed by softmax (Shazeer et al. 2017, without noise; Jiang et al.
// 2024).
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class TopKRouter final : public SoftmaxRouter {
 public:
  explicit TopKRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), is_normalized(options)) {}

 private:
  // The softmax over the chosen alone is the softmax over all, normalised over the chosen.
  static bool is_normalized(const Options& options) {
    const std::string over = options.text("router.over");
    require(over == "all" || over == "chosen", "over: expected 'all' or 'chosen', got ", over);
    const bool normalize = options.flag("router.normalize");
    return over == "chosen" || normalize;
  }
};

const bool registered = Registry<Router>::add<TopKRouter>("top_k");

}  // namespace
}  // namespace gatewise
