// Routers that send every row to every expert with weights that do not depend on the row.
#pragma once

#include "routing/router.h"

namespace gatewise {

class ConstantRouter : public Router {
 public:
  explicit ConstantRouter(const Options& options)
      : Router(options), shared_bias_(options.flag("router.shared_bias")) {
    require(!balance_.has_loss() && balance_.bias_rate == 0,
            "balance: expected None for a router that uses every expert");
  }

  void declare(ParameterBlock&, Index) override {}
  Index per_row() const override { return experts_; }
  bool has_shared_bias() const override { return shared_bias_; }

  RouterRun forward(const Input& x, Index rows, const ParameterBlock& block, const RunInfo& info,
                    Arena& arena) const override;
  void backward(const Input&, const RouterRun&, const float*, const ParameterBlock&, RowGradient,
                UpdateSink*, Arena&) const override {}

 protected:
  // Fills weights [experts].
  virtual void weigh(const ParameterBlock& block, float* weights) const = 0;

 private:
  bool shared_bias_;
};

}  // namespace gatewise
