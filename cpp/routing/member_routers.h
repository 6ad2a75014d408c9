// A router for each member of an ensemble: the rows of member m (see layers/member_rows.h) choose
// among experts m E to (m + 1) E.
#pragma once

#include <memory>
#include <vector>

#include "routing/router.h"

namespace gatewise {

class MemberRouters final : public Router {
 public:
  // `options` are those of one member's router.
  MemberRouters(const Options& options, Index members);

  void declare(ParameterBlock& block, Index width) override;
  Index per_row() const override { return routers_[0]->per_row(); }
  RouterRun forward(const Input& x, Index rows, const ParameterBlock& block, const RunInfo& info,
                    Arena& arena) const override;
  void backward(const Input& x, const RouterRun& run, const float* d_weights,
                const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                Arena& arena) const override;
  void finish_step(const RouterRun& run, ParameterBlock& block) const override;

 private:
  std::vector<std::unique_ptr<Router>> routers_;  // by member
};

}  // namespace gatewise
