#include "codes/refit_codes.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "kernels/stored_rows.h"
#include "kernels/weighted_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

constexpr int kMaxSweeps = 1000;
constexpr float kTolerance = 1e-6f;

// Coordinate descent over the nonzeros until the values converge. residual_dot(a) returns
// w_a . (t - sum_j z_j w_j); update(a, delta) is called after z_a has changed. squares: w_a . w_a;
// if it is 0, z_a becomes 0.
template <typename ResidualDot, typename Update>
void descend(float* values, Index count, const float* squares, Index squares_stride,
             const ResidualDot& residual_dot, const Update& update) {
  for (int sweep = 0; sweep < kMaxSweeps; ++sweep) {
    float max_change = 0, largest = 0;
    for (Index a = 0; a < count; ++a) {
      const float square = squares[a * squares_stride];
      const float value = square > 0 ? std::max(values[a] + residual_dot(a) / square, 0.0f) : 0.0f;
      const float delta = value - values[a];
      if (delta != 0) update(a, delta);
      values[a] = value;
      max_change = std::max(max_change, std::fabs(delta));
      largest = std::max(largest, value);
    }
    if (max_change <= kTolerance * largest) return;
  }
}

// The nonzeros of one row.
struct RowNonzeros {
  const std::int32_t* latents;
  float* values;
  Index count;
};

// Refits with the Gram matrix g[a, b] = w_a . w_b, which yields the residual dots; scratch
// [count * count + count].
void refit_with_gram(const RowNonzeros& row, const float* t, const StoredRows& decoder,
                     float* scratch) {
  const Index count = row.count;
  float* gram = scratch;
  float* residual_dots = scratch + count * count;
  for (Index a = 0; a < count; ++a) {
    dots_with_rows(decoder.float32(), decoder.stride, row.latents, a + 1,
                   decoder.float32_row(row.latents[a]), gram + a * count, decoder.width);
    for (Index b = 0; b < a; ++b) gram[b * count + a] = gram[a * count + b];
  }
  dots_with_rows(decoder.float32(), decoder.stride, row.latents, count, t, residual_dots,
                 decoder.width);
  for (Index a = 0; a < count; ++a)
    add_scaled(gram + a * count, -row.values[a], residual_dots, count);
  descend(
      row.values, count, gram, count + 1, [&](Index a) { return residual_dots[a]; },
      [&](Index a, float delta) { add_scaled(gram + a * count, -delta, residual_dots, count); });
}

// Refits with the residual, which is smaller than the Gram matrix if the row has more nonzeros than
// values; the rows of the decoder are widened one by one. scratch [2 strides + count].
void refit_with_residual(const RowNonzeros& row, const float* t, const StoredRows& decoder,
                         float* scratch) {
  float* residual = scratch;
  float* widened = residual + decoder.stride;
  float* squares = widened + decoder.stride;
  const auto row_of = [&](Index a) { return stored_row(decoder, row.latents[a], widened); };
  std::copy_n(t, decoder.width, residual);
  for (Index a = 0; a < row.count; ++a) {
    const float* own = row_of(a);
    squares[a] = dot(own, own, decoder.width);
    add_scaled(own, -row.values[a], residual, decoder.width);
  }
  descend(
      row.values, row.count, squares, 1,
      [&](Index a) { return dot(row_of(a), residual, decoder.width); },
      [&](Index a, float delta) { add_scaled(row_of(a), -delta, residual, decoder.width); });
}

bool fits_gram(Index count, const StoredRows& decoder) { return count <= decoder.width; }

Index scratch_floats(Index count, const StoredRows& decoder) {
  const Index gram_size = std::min(count, decoder.width);
  return std::max(gram_size * gram_size + gram_size, 2 * decoder.stride + count);
}

// Decoder rows of at most max_count nonzeros of one row in float32: the decoder itself, or widened
// copies.
class NonzeroRows {
 public:
  NonzeroRows(const StoredRows& decoder, Index max_count, Arena& arena)
      : decoder_(decoder),
        widened_(decoder.is_float32() ? 0 : max_count * decoder.stride, arena),
        indices_(arena.take<std::int32_t>(max_count)) {
    for (Index a = 0; a < max_count; ++a) indices_[a] = static_cast<std::int32_t>(a);
  }

  struct View {
    StoredRows rows;
    const std::int32_t* indices;
  };
  View of(const std::int32_t* latents, Index count, int thread) const {
    if (decoder_.is_float32()) return {decoder_, latents};
    float* copies = widened_.of(thread);
    for (Index a = 0; a < count; ++a) widen_row(decoder_, latents[a], copies + a * decoder_.stride);
    return {{.data = copies, .stride = decoder_.stride, .width = decoder_.width}, indices_};
  }

 private:
  const StoredRows& decoder_;
  ThreadScratch widened_;
  std::int32_t* indices_;
};

void drop_small_values(float threshold, Codes& codes) {
  Index kept = 0, begin = 0;
  for (Index i = 0; i < codes.rows; ++i) {
    const Index end = codes.offsets[i + 1];
    for (Index at = begin; at < end; ++at) {
      codes.latents[kept] = codes.latents[at];
      codes.values[kept] = codes.values[at];
      kept += codes.values[at] > threshold;
    }
    codes.offsets[i + 1] = kept;
    begin = end;
  }
}

}  // namespace

void refit_codes(const float* t, Index stride, const StoredRows& decoder, float threshold,
                 Codes& codes, Arena& arena) {
  Index max_count = 0;
  for (Index i = 0; i < codes.rows; ++i)
    max_count = std::max(max_count, codes.offsets[i + 1] - codes.offsets[i]);
  const ThreadScratch scratch(scratch_floats(max_count, decoder), arena);
  const NonzeroRows nonzero_rows(decoder, std::min(max_count, decoder.width), arena);
  const double work = static_cast<double>(max_count) *
                      static_cast<double>(std::min(max_count, decoder.width) * decoder.width);
  const auto run = [&](Index begin, Index end, int thread) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.offsets[i], count = codes.offsets[i + 1] - first;
      const std::int32_t* latents = codes.latents + first;
      float* values = codes.values + first;
      const float* target = t + i * stride;
      if (fits_gram(count, decoder)) {
        const auto [rows, indices] = nonzero_rows.of(latents, count, thread);
        refit_with_gram({indices, values, count}, target, rows, scratch.of(thread));
      } else {
        refit_with_residual({latents, values, count}, target, decoder, scratch.of(thread));
      }
    }
  };
  parallel_for(codes.rows, work, run, scratch.threads());
  drop_small_values(threshold, codes);
}

}  // namespace gatewise
