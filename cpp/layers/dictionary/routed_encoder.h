// Latents split among experts. A router assigns one expert to each row, which alone encodes it
// (Mudide et al. 2024, "Efficient dictionary learning with switch sparse autoencoders", section 3).
#pragma once

#include <memory>

#include "codes/code_activation.h"
#include "routing/router.h"

namespace gatewise {

// The codes of one pass.
struct RoutedCodes {
  RouterRun routing;
  CodeRun run = {};                // of all experts, in the order of rows
  Codes weighted;                  // its codes with values times the weight of the row's expert
  const float* weights = nullptr;  // [nonzeros]
};

class RoutedEncoder {
 public:
  RoutedEncoder(const Options& options, Index latents);

  void declare(ParameterBlock& block, Index width) { router_->declare(block, width); }

  // `input`: all rows and all panels.
  RoutedCodes forward(const CodeInput& input, const CodeActivation& activation,
                      const ParameterBlock& block, const RunInfo& info, Arena& arena) const;

  // Converts `gradients` [nonzeros] of the weighted values to those of the values, and updates the
  // router through `sink` (null: frozen). Returns the router's part of d_u [rows, stride].
  float* backward(const CodeInput& input, const RoutedCodes& codes, float* gradients,
                  const ParameterBlock& block, UpdateSink* sink, Arena& arena) const;

  void finish_step(const RoutedCodes& codes, ParameterBlock& block) const {
    router_->finish_step(codes.routing, block);
  }

  Index experts() const { return router_->experts(); }

 private:
  std::unique_ptr<Router> router_;
};

}  // namespace gatewise
