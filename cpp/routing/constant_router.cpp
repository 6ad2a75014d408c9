#include "routing/constant_router.h"

#include <algorithm>

namespace gatewise {

RouterRun ConstantRouter::forward(const Input&, Index rows, const ParameterBlock& block,
                                  const RunInfo&, Arena& arena) const {
  RouterRun run;
  run.choice = make_choice(rows, experts_, arena);
  float* weights = arena.take<float>(experts_);
  weigh(block, weights);
  for (Index i = 0; i < rows; ++i) {
    for (Index e = 0; e < experts_; ++e) {
      run.choice.experts[i * experts_ + e] = static_cast<std::int32_t>(e);
      run.choice.weights[i * experts_ + e] = weights[e];
    }
  }
  Index* counts = arena.take<Index>(experts_);
  std::fill_n(counts, experts_, rows);
  run.counts = counts;
  return run;
}

}  // namespace gatewise
