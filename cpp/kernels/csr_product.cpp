#include "kernels/csr_product.h"
#include "kernels/activation_lanes.h"

#include "kernels/tile.h"

namespace gatewise {
namespace {

// Prefetch distance of a row's values. Weights in memory: 10 % less time than with a quarter of it
// (Zen 5).
constexpr Index kValuePrefetchBytes = 2048;

// Indices take fewer bytes than values. Both streams are prefetched by the same number of steps.
template <typename StorageIndex>
GATEWISE_INLINE void prefetch_step(const float* values, const StorageIndex* indices) {
  prefetch_ahead<1>(values, kValuePrefetchBytes);
  prefetch_ahead<1>(indices, kValuePrefetchBytes * sizeof(StorageIndex) / sizeof(float));
}

// Independent sums in flight: a multiply-add has a latency of 4 cycles, and two start per cycle.
constexpr int kIndependentSums = 8;

// to[u][r] = sum of row r of `columns` for kUnits units of a slice from `lane` on, r < 16 kVectors.
template <int kVectors, int kUnits, typename StorageIndex>
GATEWISE_INLINE void sum_units(const float* columns, const SparseWeights<StorageIndex>& w,
                               Index slice, Index lane, float* const* to) {
  Vector sums[kUnits][kVectors];
#pragma GCC unroll 8
  for (int u = 0; u < kUnits; ++u)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sums[u][v] = Vector::zero();
  for (Index step = w.offsets[slice]; step < w.offsets[slice + 1]; ++step) {
    const float* values = w.values + step * kPanelWidth + lane;
    const StorageIndex* indices = w.indices + step * kPanelWidth + lane;
#pragma GCC unroll 8
    for (int u = 0; u < kUnits; ++u) {
      const Vector value = Vector::set(values[u]);
      const float* x = columns + Index{indices[u]} * (kVectors * kPanelWidth);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        sums[u][v] = fma(Vector::load(x + v * kPanelWidth), value, sums[u][v]);
    }
  }
#pragma GCC unroll 8
  for (int u = 0; u < kUnits; ++u)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) (sums[u][v] + Vector::zero()).store(to[u] + v * kPanelWidth);
}

// sums  [unit of the window, 16 kVectors], overwritten, for all units of a window. `order` permutes
// units only within a window.
template <int kVectors, typename StorageIndex>
void sum_window(const float* columns, const SparseWeights<StorageIndex>& w, Index window,
                float* sums) {
  constexpr int kUnits = std::max(1, kIndependentSums / (kVectors * Vector::kParts));
  const Index first = window * kWindow, last = std::min(first + kWindow, w.units);
  // Lanes after the last unit are summed too, into rows of `sums` that are not read.
  for (Index at = first; at < last; at += kUnits) {
    float* to[kUnits];
    for (int u = 0; u < kUnits; ++u) {
      const Index unit = at + u < last ? Index{w.order[at + u]} : at + u;
      to[u] = sums + (unit - first) * (kVectors * kPanelWidth);
    }
    sum_units<kVectors, kUnits>(columns, w, at / kPanelWidth, at % kPanelWidth, to);
  }
}

// to[r * 16 + u] = from[u * stride + r] for u, r < 16.
void transpose_square(const float* from, Index stride, float* to) {
  constexpr int kWidth = Native::kWidth;
  for (Index u = 0; u < kPanelWidth; u += kWidth)
    for (Index r = 0; r < kPanelWidth; r += kWidth) {
      Native::Type block[kWidth];
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) block[i] = Native::load(from + (u + i) * stride + r);
      Native::transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) Native::store(to + (r + i) * kPanelWidth + u, block[i]);
    }
}

}  // namespace

template <typename StorageIndex>
void csr_product_row(const float* x, const SparseWeights<StorageIndex>& w, Index slice_begin,
                     Index slice_end, Index row, const Epilogue& e) {
  for (Index slice = slice_begin; slice < slice_end; ++slice) {
    Vector sum = Vector::zero();
    for (Index step = w.offsets[slice]; step < w.offsets[slice + 1]; ++step) {
      const float* values = w.values + step * kPanelWidth;
      const StorageIndex* indices = w.indices + step * kPanelWidth;
      prefetch_step(values, indices);
      sum = fma(Vector::gather(x, indices), Vector::load(values), sum);
    }
    const std::int32_t* order = w.order + slice * kPanelWidth;
    const Index width = w.width(slice);
    alignas(64) float lanes[kPanelWidth] = {};
    for (Index lane = 0; e.bias && lane < width; ++lane) lanes[lane] = e.bias[order[lane]];
    sum = sum + Vector::zero();
    if (e.bias) sum = sum + Vector::load(lanes);
    activate(e.activation, sum).store(lanes);
    float* y = e.y + row * e.y_stride;
    for (Index lane = 0; lane < width; ++lane) y[order[lane]] = lanes[lane];
  }
}

template <typename StorageIndex>
void csr_product(const float* columns, Index lanes, Index row, Index rows,
                 const SparseWeights<StorageIndex>& w, Index window, const Epilogue& epilogue,
                 float* scratch) {
  if (lanes == kPanelWidth)
    sum_window<1>(columns, w, window, scratch);
  else
    sum_window<2>(columns, w, window, scratch);
  const Index first = window * kWindow, last = std::min(first + kWindow, w.units);
  for (Index unit = first; unit < last; unit += kPanelWidth) {
    for (Index r = 0; r < rows; r += kPanelWidth) {
      alignas(64) float sums[kPanelWidth][kPanelWidth];
      transpose_square(scratch + (unit - first) * lanes + r, lanes, sums[0]);
      finish(sums, row + r, static_cast<int>(std::min(kPanelWidth, rows - r)), unit / kPanelWidth,
             w.width(unit / kPanelWidth), epilogue);
    }
  }
}

#define GATEWISE_CSR_PRODUCTS(StorageIndex)                                                        \
  template void csr_product_row(const float*, const SparseWeights<StorageIndex>&, Index, Index,    \
                                Index, const Epilogue&);                                           \
  template void csr_product(const float*, Index, Index, Index, const SparseWeights<StorageIndex>&, \
                            Index, const Epilogue&, float*);
GATEWISE_CSR_PRODUCTS(std::uint16_t)
GATEWISE_CSR_PRODUCTS(std::int32_t)

}  // namespace gatewise
