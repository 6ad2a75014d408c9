#include "routing/member_routers.h"

#include <algorithm>
#include <string>

#include "routing/output_sum_scorer.h"

namespace gatewise {
namespace {

// A loss is the mean over the members, so a member's balance losses have that share of their
// weights.
Options member_options(const Options& options, Index members) {
  Options result = options;
  for (const char* name : {"balance.aux_loss", "balance.z_loss"})
    if (options.has(name)) result.set(name, options.number(name) / static_cast<double>(members));
  return result;
}

RouterRun* const* member_runs(const RouterRun& run) {
  return static_cast<RouterRun* const*>(run.saved);
}

}  // namespace

MemberRouters::MemberRouters(const Options& options, Index members) : Router(options) {
  const std::string kind = options.text("router.kind");
  const Options each = member_options(options, members);
  for (Index m = 0; m < members; ++m) routers_.push_back(Registry<Router>::create(kind, each));
  for (const auto& router : routers_)
    require(!router->has_shared_bias() && !dynamic_cast<const OutputSumScorer*>(router.get()),
            "router: expected one without a shared bias or sums of outputs for members, got ",
            kind);
  options.mark_read(each);
  experts_ *= members;
}

void MemberRouters::declare(ParameterBlock& block, Index width) {
  for (std::size_t m = 0; m < routers_.size(); ++m) {
    std::string prefix = "member_";
    prefix += std::to_string(m);
    prefix += '_';
    block.set_name_prefix(prefix);
    routers_[m]->declare(block, width);
  }
  block.set_name_prefix("");
}

RouterRun MemberRouters::forward(const Input& x, Index rows, const ParameterBlock& block,
                                 const RunInfo& info, Arena& arena) const {
  const auto members = static_cast<Index>(routers_.size());
  const Index each = rows / members, experts = experts_ / members, k = per_row();
  RouterRun run;
  run.choice = make_choice(rows, k, arena);
  Index* counts = arena.take<Index>(experts_);
  run.counts = counts;
  auto** runs = arena.take<RouterRun*>(members);
  run.saved = runs;
  for (Index m = 0; m < members; ++m) {
    RunInfo member_info = info;
    member_info.first_row = m * each;
    runs[m] = arena.make<RouterRun>();
    *runs[m] = routers_[m]->forward(x.from(m * each), each, block, member_info, arena);
    const Choice& choice = runs[m]->choice;
    const Index first = m * each * k;
    const auto offset = static_cast<std::int32_t>(m * experts);
    std::transform(choice.experts, choice.experts + each * k, run.choice.experts + first,
                   [offset](std::int32_t expert) { return expert + offset; });
    std::copy_n(choice.weights, each * k, run.choice.weights + first);
    std::copy_n(runs[m]->counts, experts, counts + m * experts);
    run.loss += runs[m]->loss;
  }
  return run;
}

void MemberRouters::backward(const Input& x, const RouterRun& run, const float* d_weights,
                             const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                             Arena& arena) const {
  const Index each = run.choice.rows / static_cast<Index>(routers_.size());
  for (std::size_t m = 0; m < routers_.size(); ++m) {
    const Index first = static_cast<Index>(m) * each;
    const RowGradient slot{d_x.d_x ? d_x.d_x + first * d_x.stride : nullptr, d_x.stride};
    routers_[m]->backward(x.from(first), *member_runs(run)[m], d_weights + first * per_row(), block,
                          slot, sink, arena);
  }
}

void MemberRouters::finish_step(const RouterRun& run, ParameterBlock& block) const {
  for (std::size_t m = 0; m < routers_.size(); ++m)
    routers_[m]->finish_step(*member_runs(run)[m], block);
}

}  // namespace gatewise
