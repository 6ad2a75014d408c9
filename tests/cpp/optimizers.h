// Optimizers by kind, for tests.
#pragma once

#include "optimizers/optimizer.h"

namespace gatewise::reference {

inline std::unique_ptr<Optimizer> make_optimizer(
    const std::string& kind, double learning_rate,
    const std::map<std::string, Options::Value>& settings = {}) {
  Options options;
  options.set("kind", kind);
  options.set("learning_rate", learning_rate);
  for (const auto& [name, value] : settings) options.set(name, value);
  return Optimizer::create(options);
}

// The rule of an optimizer for a slice's `step`-th update.
inline UpdateRule rule_of(const Optimizer& optimizer, std::int64_t step) {
  UpdateRule rule;
  rule.learning_rate = static_cast<float>(optimizer.learning_rate);
  optimizer.set_formula(rule, step);
  return rule;
}

}  // namespace gatewise::reference
