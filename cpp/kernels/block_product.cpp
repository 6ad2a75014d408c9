#include "kernels/block_product.h"

#include "kernels/tile_loop.h"

namespace gatewise {
namespace {

// Floats of x per block: a block's rows stay in the L2 cache while all slices pass. Half of the
// smallest L2 in use (512 KB, Zen 3).
constexpr Index kBlockFloats = 64 * 1024;

template <typename StorageIndex>
struct BlockProduct {
  static constexpr int kMaxPanels = 4;

  const Rows& x;
  const SparseWeights<StorageIndex>& w;
  const Epilogue& epilogue;

  // Computes kRows rows by kSlices slices with the sums in registers: first the steps that all
  // slices have, then the remaining steps of each slice.
  template <int kRows, int kSlices>
  void tile(Index row, Index slice) const {
    const float* a[kRows];
    for (int r = 0; r < kRows; ++r) a[r] = x.row(row + r);
    Vector sums[kRows][kSlices];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int s = 0; s < kSlices; ++s) sums[r][s] = Vector::zero();

    const std::int32_t* offsets = w.offsets + slice;
    const auto add = [&](int s, Index step) GATEWISE_INLINE_LAMBDA {
      const float* values = w.values + step * kPanelWidth;
      prefetch_ahead<kRows>(values, kPrefetchBytes);
      const Vector weights = Vector::load(values);
      const Index input = w.indices[step];
#pragma GCC unroll 12
      for (int r = 0; r < kRows; ++r)
        sums[r][s] = fma(Vector::set(a[r][input]), weights, sums[r][s]);
    };
    Index common = offsets[1] - offsets[0];
    for (int s = 1; s < kSlices; ++s) common = std::min<Index>(common, offsets[s + 1] - offsets[s]);
    for (Index step = 0; step < common; ++step)
#pragma GCC unroll 4
      for (int s = 0; s < kSlices; ++s) add(s, offsets[s] + step);
#pragma GCC unroll 4
    for (int s = 0; s < kSlices; ++s)
      for (Index step = offsets[s] + common; step < offsets[s + 1]; ++step) add(s, step);
    store(sums, row, slice);
  }

 private:
  // Loops over `sums` are unrolled, so that they stay in registers; the loop below need not be.
  template <int kRows, int kSlices>
  GATEWISE_INLINE void store(const Vector (&sums)[kRows][kSlices], Index row, Index slice) const {
    alignas(64) float stored[kSlices][kRows][kPanelWidth];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int s = 0; s < kSlices; ++s) (sums[r][s] + Vector::zero()).store(stored[s][r]);
    for (int s = 0; s < kSlices; ++s)
      finish(stored[s], row, kRows, slice + s, w.width(slice + s), epilogue);
  }
};

}  // namespace

template <typename StorageIndex>
void block_product(const Rows& x, Index row_begin, Index row_end,
                   const SparseWeights<StorageIndex>& w, Index slice_begin, Index slice_end,
                   const Epilogue& epilogue) {
  const Index block = std::max<Index>(kBlockFloats / w.inputs / kTileRows, 1) * kTileRows;
  for (Index row = row_begin; row < row_end; row += block)
    TileLoop<BlockProduct<StorageIndex>>::run({x, w, epilogue}, row, std::min(row_end, row + block),
                                              slice_begin, slice_end);
}

template void block_product(const Rows&, Index, Index, const SparseWeights<std::uint16_t>&, Index,
                            Index, const Epilogue&);
template void block_product(const Rows&, Index, Index, const SparseWeights<std::int32_t>&, Index,
                            Index, const Epilogue&);

}  // namespace gatewise
