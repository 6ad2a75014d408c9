#include "layers/dictionary/routed_encoder.h"

#include <algorithm>

#include "kernels/rows.h"
#include "routing/dispatch.h"

namespace gatewise {
namespace {

// Copies the codes of each expert's rows to the order of the rows, and weighs them.
RoutedCodes in_row_order(const Codes* parts, const Dispatch& dispatch, const RouterRun& routing,
                         Index* offsets, Arena& arena) {
  const Index rows = routing.choice.rows;
  Codes codes;
  codes.rows = rows;
  codes.offsets = offsets;
  codes.latents = arena.take<std::int32_t>(codes.nonzeros());
  codes.values = arena.take<float>(codes.nonzeros());
  float* weights = arena.take<float>(codes.nonzeros());
  float* weighted = arena.take<float>(codes.nonzeros());
  for (Index i = 0; i < rows; ++i) {
    const std::int32_t expert = routing.choice.experts[i];
    const float weight = routing.choice.weights[i];
    const Codes& part = parts[expert];
    const Index own = dispatch.position_of[i] - dispatch.groups.begin(expert);
    const Index from = part.offsets[own], count = part.offsets[own + 1] - from;
    const Index to = offsets[i];
    std::copy_n(part.latents + from, count, codes.latents + to);
    std::copy_n(part.values + from, count, codes.values + to);
    std::fill_n(weights + to, count, weight);
    set_scaled(codes.values + to, weight, weighted + to, count);
  }
  RoutedCodes routed{.routing = routing, .weighted = codes, .weights = weights};
  routed.run.codes = codes;
  routed.weighted.values = weighted;
  return routed;
}

}  // namespace

RoutedEncoder::RoutedEncoder(const Options& options, Index latents)
    : router_(Registry<Router>::create(options.text("router.kind"), options)) {
  require(latents % (experts() * kPanelWidth) == 0,
          "latents: expected a multiple of 16 num_experts (", experts(), "), got ", latents);
  require(router_->per_row() == 1, "router: expected one expert a row, got ", router_->per_row());
}

RoutedCodes RoutedEncoder::forward(const CodeInput& all, const CodeActivation& activation,
                                   const ParameterBlock& block, const RunInfo& info,
                                   Arena& arena) const {
  const Index rows = all.product.rows;
  const RouterRun routing =
      router_->forward({.dense = all.product.x, .width = all.width()}, rows, block, info, arena);
  const Dispatch dispatch = make_dispatch(routing.choice, experts(), arena);
  const Index panels = all.product.panel_end / experts();
  auto* parts = arena.take<Codes>(experts());
  auto* offsets = arena.take_zeroed<Index>(rows + 1);
  double loss = 0;
  for (Index e = 0; e < experts(); ++e) {
    const Index begin = dispatch.groups.begin(e), count = dispatch.groups.rows(e);
    if (count == 0) continue;
    CodeInput input = all;
    input.product.rows = count;
    input.product.x.index = dispatch.row_of + begin;
    input.product.panel_begin = e * panels;
    input.product.panel_end = (e + 1) * panels;
    const CodeRun run = activation.forward(input, block, arena);
    loss += run.loss * static_cast<double>(count) / static_cast<double>(rows);
    parts[e] = run.codes;
    for (Index i = 0; i < count; ++i)
      offsets[dispatch.row_of[begin + i] + 1] = parts[e].offsets[i + 1] - parts[e].offsets[i];
  }
  for (Index i = 0; i < rows; ++i) offsets[i + 1] += offsets[i];
  RoutedCodes routed = in_row_order(parts, dispatch, routing, offsets, arena);
  routed.run.loss = loss;
  return routed;
}

float* RoutedEncoder::backward(const CodeInput& input, const RoutedCodes& routed, float* gradients,
                               const ParameterBlock& block, UpdateSink* sink, Arena& arena) const {
  const Codes& codes = routed.run.codes;
  float* d_weights = arena.take<float>(codes.rows);
  for (Index i = 0; i < codes.rows; ++i) {
    float sum = 0;
    for (Index nonzero = codes.offsets[i]; nonzero < codes.offsets[i + 1]; ++nonzero) {
      sum += codes.values[nonzero] * gradients[nonzero];
      gradients[nonzero] *= routed.weights[nonzero];
    }
    d_weights[i] = sum;
  }
  float* d_u = arena.take_zeroed<float>(codes.rows * input.stride);
  router_->backward({.dense = input.product.x, .width = input.width()}, routed.routing, d_weights,
                    block, {d_u, input.stride}, sink, arena);
  return d_u;
}

}  // namespace gatewise
