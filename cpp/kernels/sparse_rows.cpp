#include "kernels/sparse_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "kernels/tile.h"

namespace gatewise {
namespace {

// Panels of one row: few enough to leave registers for the loads of the next nonzeros.
constexpr int kMaxPanels = std::clamp(kAccumulators / Vector::kParts, 1, 4);

// Rows of W whose gradient is buffered before it is applied: 8 KB with kMaxPanels panels.
constexpr Index kUpdateRows = 32;

// table[p - 1] is the function for p panels.
template <template <int> typename Function>
constexpr auto for_panels() {
  return []<int... kPanels>(std::integer_sequence<int, kPanels...>) {
    return std::array{&Function<kPanels + 1>::run...};
  }(std::make_integer_sequence<int, kMaxPanels>{});
}

template <int kPanels>
struct ForwardRows {
  static void run(const SparseRows& x, Index row_begin, Index row_end, const Panels& w, Index panel,
                  const Epilogue& epilogue) {
    const float* b[kPanels];
    for (int p = 0; p < kPanels; ++p) b[p] = w.panel(panel + p);
    // Only the last panel of a matrix can have a different stride.
    const Index last_stride = w.shape.stride(panel + kPanels - 1);
    for (Index row = row_begin; row < row_end; ++row) {
      Vector sums[kPanels];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[p] = Vector::zero();
      for (Index at = x.begin(row), end = x.end(row); at < end; ++at) {
        const Vector value = Vector::set(x.values[at]);
        const Index column = x.columns[at];
#pragma GCC unroll 4
        for (int p = 0; p < kPanels; ++p) {
          const Index stride = p == kPanels - 1 ? last_stride : kPanelWidth;
          sums[p] = fma(value, Vector::load(b[p] + column * stride), sums[p]);
        }
      }
      alignas(64) float stored[kPanels][1][kPanelWidth];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[p].store(stored[p][0]);
      for (int p = 0; p < kPanels; ++p)
        finish(stored[p], row, 1, panel + p, w.shape.width(panel + p), epilogue);
    }
  }
};
constexpr auto kForwardRows = for_panels<ForwardRows>();

// Gradient of kUpdateRows rows of W, in panel layout. Each row is stored as a whole register; its
// surplus lanes are overwritten by the next row or lie after the last.
struct GradientBuffer {
  alignas(64) float g[kMaxPanels][(kUpdateRows + 1) * kPanelWidth];
};

// Gradient of rows [begin, end) of W in kPanels panels, the last with `width` columns. Advances
// `at`, the next nonzero of each run, past these rows.
template <int kPanels>
struct GradientRows {
  static void run(const SortedRun* runs, Index count, const Nonzero** at, const float* d_y,
                  Index d_y_stride, Index width, Index begin, Index end, GradientBuffer& buffer) {
    const Index last_stride = round_up(width, 4);
    for (Index j = begin; j < end; ++j) {
      Vector sums[kPanels];
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p) sums[p] = Vector::zero();
      for (Index r = 0; r < count; ++r) {
        const Nonzero* nonzero = at[r];
        for (; nonzero < runs[r].end && nonzero->column == j; ++nonzero) {
          const float* row = d_y + nonzero->row * d_y_stride;
          const Vector value = Vector::set(nonzero->value);
#pragma GCC unroll 4
          for (int p = 0; p < kPanels; ++p) {
            const float* from = row + p * kPanelWidth;
            sums[p] =
                fma(value, p == kPanels - 1 ? Vector::load_up_to(from, width) : Vector::load(from),
                    sums[p]);
          }
        }
        at[r] = nonzero;
      }
#pragma GCC unroll 4
      for (int p = 0; p < kPanels; ++p)
        sums[p].store(buffer.g[p] + (j - begin) * (p == kPanels - 1 ? last_stride : kPanelWidth));
    }
  }
};
constexpr auto kGradientRows = for_panels<GradientRows>();

}  // namespace

const Index kSparsePanels = kMaxPanels;

Index find_column_outside(const std::int32_t* columns, Index count, Index width) {
  constexpr Index kChunk = 1024;
  for (Index start = 0; start < count; start += kChunk) {
    const Index end = std::min(start + kChunk, count);
    std::uint32_t largest = 0;  // a negative column becomes a large unsigned value
    for (Index i = start; i < end; ++i)
      largest = std::max(largest, static_cast<std::uint32_t>(columns[i]));
    if (largest < width) continue;
    for (Index i = start; i < end; ++i)
      if (columns[i] < 0 || columns[i] >= width) return i;
  }
  return -1;
}

void sparse_forward_product(const SparseRows& x, Index row_begin, Index row_end, const Panels& w,
                            Index panel_begin, Index panel_end, const Epilogue& epilogue) {
  for (Index panel = panel_begin; panel < panel_end; panel += kMaxPanels)
    kForwardRows[std::min<Index>(kMaxPanels, panel_end - panel) - 1](x, row_begin, row_end, w,
                                                                     panel, epilogue);
}

SortedRun sort_by_column(const SparseRows& x, Index row_begin, Index row_end, Index first_row,
                         Index width, Nonzero* sorted, Nonzero* scratch) {
  constexpr int kMaxDigitBits = 11;
  const int bits = std::bit_width(static_cast<std::uint64_t>(width - 1));
  const int passes = std::max(1, (bits + kMaxDigitBits - 1) / kMaxDigitBits);
  const int digit_bits = (bits + passes - 1) / passes;
  Nonzero* to = passes % 2 == 1 ? sorted : scratch;
  Nonzero* from = passes % 2 == 1 ? scratch : sorted;
  Index count = 0;
  for (Index i = row_begin; i < row_end; ++i)
    for (Index at = x.begin(i); at < x.end(i); ++at)
      from[count++] = {x.columns[at], static_cast<std::int32_t>(i - first_row), x.values[at]};
  for (int pass = 0; pass < passes; ++pass) {
    const auto digit = [&](const Nonzero& nonzero) {
      return (nonzero.column >> (pass * digit_bits)) & ((1 << digit_bits) - 1);
    };
    Index offsets[1 << kMaxDigitBits];
    std::fill_n(offsets, Index{1} << digit_bits, Index{0});
    for (Index at = 0; at < count; ++at) ++offsets[digit(from[at])];
    Index offset = 0;
    for (Index d = 0; d < Index{1} << digit_bits; ++d) offset += std::exchange(offsets[d], offset);
    for (Index at = 0; at < count; ++at) to[offsets[digit(from[at])]++] = from[at];
    std::swap(from, to);
  }
  return {sorted, sorted + count};
}

void sparse_weight_gradient(const SortedRun* runs, Index count, const float* d_y, Index d_y_stride,
                            PanelShape shape, Index panel_begin, Index panel_end, Index begin,
                            Index end, const UpdateTarget& target) {
  GradientBuffer buffer;
  for (Index panel = panel_begin; panel < panel_end; panel += kMaxPanels) {
    const Index panels = std::min<Index>(kMaxPanels, panel_end - panel);
    const Nonzero* at[kMaxRuns];
    for (Index r = 0; r < count; ++r)
      at[r] = std::lower_bound(
          runs[r].begin, runs[r].end, begin,
          [](const Nonzero& nonzero, Index column) { return nonzero.column < column; });
    for (Index start = begin; start < end; start += kUpdateRows) {
      const Index stop = std::min(end, start + kUpdateRows);
      kGradientRows[panels - 1](runs, count, at, d_y + panel * kPanelWidth, d_y_stride,
                                shape.width(panel + panels - 1), start, stop, buffer);
      for (Index p = 0; p < panels; ++p) {
        const Index stride = shape.stride(panel + p);
        apply_update(target, shape.offset(panel + p) + start * stride, buffer.g[p],
                     (stop - start) * stride);
      }
    }
  }
}

}  // namespace gatewise
