// Update rules of optimizers, for timing.
#pragma once

#include <string>

#include "optimizers/optimizer.h"

namespace gatewise::bench {

// The rule of an optimizer at a learning rate that leaves weights about as they are.
inline UpdateRule rule_of(const std::string& kind) {
  Options options;
  options.set("kind", kind == "momentum" ? std::string("sgd") : kind);
  options.set("learning_rate", 1e-9);
  if (kind == "momentum") options.set("momentum", 0.9);
  UpdateRule rule{.learning_rate = 1e-9f};
  Optimizer::create(options)->set_formula(rule, 1);
  return rule;
}

}  // namespace gatewise::bench
