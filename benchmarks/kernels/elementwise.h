// Times elementwise and row kernels: activations, softmax, top-k, updates.
#pragma once

#include "kernels/activations.h"
#include "kernels/softmax.h"
#include "kernels/top_k.h"
#include "timing.h"
#include "update_rules.h"

namespace gatewise::bench {

// 4,096 values: 16 KB, which stay in the L1 cache.
inline constexpr Index kValues = 4096;

inline void time_activations(const Report& report) {
  Values x(kValues), y(kValues), d_x(kValues);
  for (const char* name : {"relu", "gelu", "silu", "tanh", "sigmoid", "exponential", "softplus"}) {
    const Activation kind = activation_from_name(name);
    report.values(std::string("activate_forward, ") + name, kValues,
                  [&] { activate_forward(kind, x, y, kValues); });
    report.values(std::string("activate_backward, ") + name, kValues,
                  [&] { activate_backward(kind, x, y, x, d_x, kValues); });
  }
}

inline void time_rows(const Report& report) {
  for (const Index width : {16, 128, 4096}) {
    Values x(width), y(width);
    std::vector<std::int32_t> best(4);
    const std::string suffix = " of " + std::to_string(width);
    report.values("softmax_forward" + suffix, width, [&] { softmax_forward(x, y, width); });
    report.values("top_k, 4" + suffix, width, [&] { top_k(x, width, 4, best.data()); });
  }
}

inline void time_updates(const Report& report) {
  Values g(kValues), weights(kValues), first(kValues), second(kValues);
  for (Index i = 0; i < kValues; ++i) second.data()[i] = std::abs(second.data()[i]);
  UpdateTarget target{.rule = {}, .weights = weights, .first = first, .second = second};
  for (const char* kind : {"sgd", "momentum", "adam"}) {
    target.rule = rule_of(kind);
    report.values(std::string("apply_update, ") + kind, kValues,
                  [&] { apply_update(target, 0, g, kValues); });
  }
}

inline void time_elementwise(const Report& report) {
  time_activations(report);
  time_rows(report);
  time_updates(report);
}

}  // namespace gatewise::bench
