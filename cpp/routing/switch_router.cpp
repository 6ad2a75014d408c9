// One expert per row, weighted by its probability among all experts (Fedus, Zoph and Shazeer 2022,
// eq. 1 and 2).
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

class SwitchRouter final : public SoftmaxRouter {
 public:
  explicit SwitchRouter(const Options& options) : SoftmaxRouter(options, 1, Weighing::kScores) {}
};

const bool registered = Registry<Router>::add<SwitchRouter>("switch");

}  // namespace
}  // namespace gatewise
