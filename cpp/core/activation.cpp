#include "core/activation.h"

#include <array>
#include <utility>

#include "core/errors.h"

namespace gatewise {

Activation activation_from_name(const std::string& name) {
  using enum Activation;
  static constexpr std::array<std::pair<const char*, Activation>, 25> kNames{{
      {"linear", kLinear},
      {"relu", kRelu},
      {"leaky_relu", kLeakyRelu},
      {"elu", kElu},
      {"selu", kSelu},
      {"softplus", kSoftplus},
      {"softsign", kSoftsign},
      {"gelu", kGelu},
      {"silu", kSilu},
      {"tanh", kTanh},
      {"sigmoid", kSigmoid},
      {"exponential", kExponential},
      {"relu6", kRelu6},
      {"hard_sigmoid", kHardSigmoid},
      {"hard_silu", kHardSilu},
      {"hard_tanh", kHardTanh},
      {"hard_shrink", kHardShrink},
      {"soft_shrink", kSoftShrink},
      {"tanh_shrink", kTanhShrink},
      {"sparse_plus", kSparsePlus},
      {"sparse_sigmoid", kSparseSigmoid},
      {"log_sigmoid", kLogSigmoid},
      {"mish", kMish},
      {"squareplus", kSquareplus},
      {"softmax", kSoftmax},
  }};
  for (const auto& [known, kind] : kNames)
    if (name == known) return kind;
  fail("activation: expected the name of an activation, got ", name);
}

}  // namespace gatewise
