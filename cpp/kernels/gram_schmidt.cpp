#include "kernels/gram_schmidt.h"

#include <cmath>

namespace gatewise {
namespace {

void subtract_projection(double* a, const double* b, Index length) {
  double product = 0;
  for (Index i = 0; i < length; ++i) product += a[i] * b[i];
  for (Index i = 0; i < length; ++i) a[i] -= product * b[i];
}

}  // namespace

void orthonormalize_row(double* basis, Index v, Index length) {
  double* own = basis + v * length;
  for (int pass = 0; pass < 2; ++pass)
    for (Index u = 0; u < v; ++u) subtract_projection(own, basis + u * length, length);
  double square = 0;
  for (Index i = 0; i < length; ++i) square += own[i] * own[i];
  const double scale = 1 / std::sqrt(square);
  for (Index i = 0; i < length; ++i) own[i] *= scale;
}

}  // namespace gatewise
