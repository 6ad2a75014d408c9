#include "codes/code_activation.h"

namespace gatewise {

double l1_penalty(float l1, const float* values, const Codes& codes) {
  if (l1 == 0) return 0;
  double sum = 0;
  for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero) sum += values[nonzero];
  return l1 * sum / static_cast<double>(codes.rows);
}

}  // namespace gatewise
