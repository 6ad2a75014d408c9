#include "codes/code_activation.h"

namespace gatewise {

double l1_penalty(float l1, const float* values, const Codes& codes) {
  if (l1 == 0) return 0;
  double sum = 0;
  for (Index entry = 0; entry < codes.entries(); ++entry) sum += values[entry];
  return l1 * sum / static_cast<double>(codes.rows);
}

}  // namespace gatewise
