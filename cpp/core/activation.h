// Activations by their Keras names; `kernels/activations.h` computes them.
#pragma once

#include <string>

namespace gatewise {

enum class Activation {
  kLinear,
  kRelu,
  kLeakyRelu,
  kElu,
  kSelu,
  kSoftplus,
  kSoftsign,
  kGelu,
  kSilu,
  kTanh,
  kSigmoid,
  kExponential,
  kRelu6,
  kHardSigmoid,
  kHardSilu,
  kHardTanh,
  kHardShrink,
  kSoftShrink,
  kTanhShrink,
  kSparsePlus,
  kSparseSigmoid,
  kLogSigmoid,
  kMish,
  kSquareplus,
  kSoftmax,  // needs a whole row: `softmax_forward`, not `activate`
};

// Throws if `name` is none of them.
Activation activation_from_name(const std::string& name);

}  // namespace gatewise
