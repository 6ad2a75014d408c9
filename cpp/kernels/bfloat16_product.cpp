#include "kernels/bfloat16_product.h"

#include "kernels/epilogue.h"
#include "kernels/row_readers.h"
#include "kernels/tile_loop.h"

namespace gatewise {
namespace {

struct Bfloat16Product {
  static constexpr int kMaxPanels = 4;

  const Rows& x;
  const Bfloat16Panels& w;
  const Epilogue& epilogue;

  // Computes kRows rows by kPanels panels over the whole depth, with the sums in registers.
  template <int kRows, int kPanels>
  void tile(Index row, Index panel) const {
    const float* a[kRows];
    for (int r = 0; r < kRows; ++r) a[r] = x.row(row + r);
    const Index panel_stride = Bfloat16Panels::panel_values(w.shape);
    const std::uint16_t* b = w.panel(panel);

    Vector sums[kRows][kPanels];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[r][p] = Vector::zero();

    const Index depth = w.shape.rows;
    for (Index k = 0; k < depth; ++k) {
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) {
        const std::uint16_t* at = b + p * panel_stride + k * kPanelWidth;
        prefetch_ahead<kRows>(at, kPrefetchBytes);
        const Vector weights = load_bfloat16(at);
#pragma GCC unroll 12
        for (int r = 0; r < kRows; ++r) sums[r][p] = fma(Vector::set(a[r][k]), weights, sums[r][p]);
      }
    }
    // Loops over `sums` are unrolled, so that they stay in registers; the loops below need not be.
    alignas(64) float stored[kRows][kPanels][kPanelWidth];
#pragma GCC unroll 12
    for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[r][p].store(stored[r][p]);
    for (int p = 0; p < kPanels; ++p)
      for (int r = 0; r < kRows; ++r)
        finish(&stored[r][p], row + r, 1, panel + p, w.shape.width(panel + p), epilogue);
  }
};

}  // namespace

void bfloat16_product(const Rows& x, Index row_begin, Index row_end, const Bfloat16Panels& w,
                      Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  TileLoop<Bfloat16Product>::run({x, w, epilogue}, row_begin, row_end, panel_begin, panel_end);
}

void sparse_bfloat16_product(const SparseRows& x, Index row_begin, Index row_end,
                             const Bfloat16Panels& w, Index panel_begin, Index panel_end,
                             const Epilogue& epilogue) {
  for (Index panel = panel_begin; panel < panel_end; ++panel) {
    const std::uint16_t* b = w.panel(panel);
    for (Index row = row_begin; row < row_end; ++row) {
      Vector sum = Vector::zero();
      for (Index at = x.begin(row); at < x.end(row); ++at)
        sum = fma(Vector::set(x.values[at]), load_bfloat16(b + x.columns[at] * kPanelWidth), sum);
      alignas(64) float stored[kPanelWidth];
      sum.store(stored);
      finish(&stored, row, 1, panel, w.shape.width(panel), epilogue);
    }
  }
}

}  // namespace gatewise
