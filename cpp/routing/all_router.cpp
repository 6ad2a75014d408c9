// Every expert with weight 1: y = sum_i f_i(x).
#include <algorithm>

#include "routing/constant_router.h"

namespace gatewise {
namespace {

class AllRouter final : public ConstantRouter {
 public:
  using ConstantRouter::ConstantRouter;

 protected:
  void weigh(const ParameterBlock&, float* weights) const override {
    std::fill_n(weights, experts_, 1.0f);
  }
};

const bool registered = Registry<Router>::add<AllRouter>("all");

}  // namespace
}  // namespace gatewise
