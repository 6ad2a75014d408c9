#include "codes/refit_codes.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/rows.h"
#include "kernels/weighted_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

constexpr int kMostSweeps = 1000;
constexpr float kSmallMove = 1e-6f;

// One row's problem: products g[a, b] = w_a . w_b, and slopes d[a] = w_a . (t - sum_j z_j w_j).
class RowRefit {
 public:
  static Index scratch_floats(Index entries) { return entries * entries + entries; }

  RowRefit(const std::int32_t* latents, float* values, Index count, float* scratch)
      : latents_(latents),
        values_(values),
        count_(count),
        products_(scratch),
        slopes_(scratch + count * count) {}

  void run(const float* t, const DecoderRows& decoder) const {
    for (Index a = 0; a < count_; ++a) {
      const float* row = decoder.data + latents_[a] * decoder.stride;
      dots_with_rows(decoder.data, decoder.stride, latents_, a + 1, row, products_ + a * count_,
                     decoder.width);
      for (Index b = 0; b < a; ++b) products_[b * count_ + a] = products_[a * count_ + b];
    }
    dots_with_rows(decoder.data, decoder.stride, latents_, count_, t, slopes_, decoder.width);
    for (Index a = 0; a < count_; ++a)
      add_scaled(products_ + a * count_, -values_[a], slopes_, count_);
    for (int number = 0; number < kMostSweeps && !sweep();) ++number;
  }

 private:
  // Whether all values have come to rest.
  bool sweep() const {
    float most = 0, largest = 0;
    for (Index a = 0; a < count_; ++a) {
      const float square = products_[a * count_ + a];
      if (!(square > 0)) continue;
      const float value = std::max(values_[a] + slopes_[a] / square, 0.0f);
      const float move = value - values_[a];
      add_scaled(products_ + a * count_, -move, slopes_, count_);
      values_[a] = value;
      most = std::max(most, std::fabs(move));
      largest = std::max(largest, value);
    }
    return most <= kSmallMove * largest;
  }

  const std::int32_t* latents_;
  float* values_;
  Index count_;
  float* products_;
  float* slopes_;
};

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
  const ThreadScratch scratch(RowRefit::scratch_floats(most), arena);
  const double work =
      static_cast<double>(most * most) * static_cast<double>(decoder.width / 2 + 50);
  const auto run = [&](Index begin, Index end, int thread) {
    for (Index i = begin; i < end; ++i) {
      const Index first = codes.offsets[i];
      RowRefit(codes.latents + first, codes.values + first, codes.offsets[i + 1] - first,
               scratch.of(thread))
          .run(t + i * stride, decoder);
    }
  };
  parallel_for(codes.rows, work, run, scratch.threads());
  drop_entries(least, codes);
}

}  // namespace gatewise
