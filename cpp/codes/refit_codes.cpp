#include "codes/refit_codes.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

constexpr int kMostSweeps = 1000;
constexpr float kSmallMove = 1e-6f;

// Sweeps over the entries until no value moves any more. slope(a) is w_a . (t - sum_j z_j w_j), and
// move(a, by) tells that z_a has changed. squares: w_a . w_a; where it is 0, z_a becomes 0.
template <typename Slope, typename Move>
void descend(float* values, Index count, const float* squares, Index squares_stride,
             const Slope& slope, const Move& move) {
  for (int number = 0; number < kMostSweeps; ++number) {
    float most = 0, largest = 0;
    for (Index a = 0; a < count; ++a) {
      const float square = squares[a * squares_stride];
      const float value = square > 0 ? std::max(values[a] + slope(a) / square, 0.0f) : 0.0f;
      const float by = value - values[a];
      if (by != 0) move(a, by);
      values[a] = value;
      most = std::max(most, std::fabs(by));
      largest = std::max(largest, value);
    }
    if (most <= kSmallMove * largest) return;
  }
}

// One row's entries.
struct RowEntries {
  const std::int32_t* latents;
  float* values;
  Index count;
};

// By the products g[a, b] = w_a . w_b, from which slopes follow; scratch [count * count + count].
void refit_few(const RowEntries& row, const float* t, const DecoderRows& decoder, float* scratch) {
  const Index count = row.count;
  float* products = scratch;
  float* slopes = scratch + count * count;
  for (Index a = 0; a < count; ++a) {
    dots_with_rows(decoder.data, decoder.stride, row.latents, a + 1, decoder.row(row.latents[a]),
                   products + a * count, decoder.width);
    for (Index b = 0; b < a; ++b) products[b * count + a] = products[a * count + b];
  }
  dots_with_rows(decoder.data, decoder.stride, row.latents, count, t, slopes, decoder.width);
  for (Index a = 0; a < count; ++a) add_scaled(products + a * count, -row.values[a], slopes, count);
  descend(
      row.values, count, products, count + 1, [&](Index a) { return slopes[a]; },
      [&](Index a, float by) { add_scaled(products + a * count, -by, slopes, count); });
}

// By what is left of the row, which is shorter than the table of products where entries are more
// than values; scratch [width + count], each rounded up to a register.
void refit_many(const RowEntries& row, const float* t, const DecoderRows& decoder, float* scratch) {
  float* rest = scratch;
  float* squares = scratch + round_up(decoder.width, kPanelWidth);
  std::copy_n(t, decoder.width, rest);
  for (Index a = 0; a < row.count; ++a) {
    const float* own = decoder.row(row.latents[a]);
    squares[a] = dot(own, own, decoder.width);
    add_scaled(own, -row.values[a], rest, decoder.width);
  }
  descend(
      row.values, row.count, squares, 1,
      [&](Index a) { return dot(decoder.row(row.latents[a]), rest, decoder.width); },
      [&](Index a, float by) {
        add_scaled(decoder.row(row.latents[a]), -by, rest, decoder.width);
      });
}

bool is_few(Index count, const DecoderRows& decoder) { return count <= decoder.width; }

Index scratch_floats(Index count, const DecoderRows& decoder) {
  const Index few = std::min(count, decoder.width);
  return std::max(few * few + few, round_up(decoder.width, kPanelWidth) + count);
}

void drop_entries(float least, Codes& codes) {
  Index kept = 0, begin = 0;
  for (Index i = 0; i < codes.rows; ++i) {
    const Index end = codes.offsets[i + 1];
    for (Index at = begin; at < end; ++at) {
      codes.latents[kept] = codes.latents[at];
      codes.values[kept] = codes.values[at];
      kept += codes.values[at] > least;
    }
    codes.offsets[i + 1] = kept;
    begin = end;
  }
}

}  // namespace

void refit_codes(const float* t, Index stride, const DecoderRows& decoder, float least,
                 Codes& codes, Arena& arena) {
  Index most = 0;
  for (Index i = 0; i < codes.rows; ++i)
    most = std::max(most, codes.offsets[i + 1] - codes.offsets[i]);
  const ThreadScratch scratch(scratch_floats(most, decoder), arena);
  const double work = static_cast<double>(most) *
                      static_cast<double>(std::min(most, decoder.width) * decoder.width);
  const auto run = [&](Index begin, Index end, int thread) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.offsets[i], count = codes.offsets[i + 1] - first;
      const RowEntries row{codes.latents + first, codes.values + first, count};
      (is_few(count, decoder) ? refit_few : refit_many)(row, t + i * stride, decoder,
                                                        scratch.of(thread));
    }
  };
  parallel_for(codes.rows, work, run, scratch.threads());
  drop_entries(least, codes);
}

}  // namespace gatewise
