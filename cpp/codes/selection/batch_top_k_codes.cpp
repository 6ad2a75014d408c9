#include "codes/selection/batch_top_k_codes.h"

#include <algorithm>
#include <cmath>

#include "codes/selection/candidate_block_iterator.h"

namespace gatewise {
namespace {

// Capacity of a row's list, relative to its share of the batch's nonzeros. Few rows have more; a
// row that may have more is recomputed with a list for all of its values.
constexpr Index kCapacityFactor = 8;

struct Triplet {
  float value;
  std::int32_t row;
  std::int32_t latent;

  bool is_better(const Triplet& other) const {
    if (value != other.value) return value > other.value;
    return row != other.row ? row < other.row : latent < other.latent;
  }
};

// Keeps the `count` best of the triplets that are added.
class TopKReservoir {
 public:
  TopKReservoir(Index count, float threshold, Arena& arena)
      : count_(count), threshold_(threshold), triplets_(arena.take<Triplet>(2 * count)) {}

  // Triplets are added in ascending order of row, then latent, so one whose value only equals the
  // threshold is not better than those already held.
  void add(const Triplet& triplet) {
    if (triplet.value > threshold_) add_any(triplet);
  }
  void add_any(const Triplet& triplet) {
    triplets_[size_++] = triplet;
    if (size_ == 2 * count_) shrink();
  }
  template <typename Condition>
  void remove(const Condition& condition) {
    size_ = std::remove_if(triplets_, triplets_ + size_, condition) - triplets_;
  }
  // Removes all triplets and sets the threshold.
  void reset(float threshold) {
    size_ = 0;
    threshold_ = threshold;
  }
  void shrink() {
    if (size_ < count_) return;
    std::nth_element(triplets_, triplets_ + count_ - 1, triplets_ + size_,
                     [](const Triplet& a, const Triplet& b) { return a.is_better(b); });
    size_ = count_;
    threshold_ = triplets_[count_ - 1].value;
  }

  // Values at or below it are no longer added by `add`.
  float threshold() const { return threshold_; }
  bool is_full() const { return size_ >= count_; }
  const Triplet* begin() const { return triplets_; }
  const Triplet* end() const { return triplets_ + size_; }

 private:
  Index count_;
  float threshold_;
  Triplet* triplets_;
  Index size_ = 0;
};

// Adds the `max_per_row` largest candidates of each row. dropped_bounds [rows], set: dropped
// candidates of the row do not exceed it.
void add_candidates(const EncoderProduct& product, Index max_per_row, TopKReservoir& reservoir,
                    float* dropped_bounds, Arena& arena) {
  const Arena::Mark mark = arena.mark();
  CandidateBlockIterator blocks(product, arena, max_per_row);
  for (; blocks.next(); blocks.raise_threshold(reservoir.threshold()))
    for (Index i = 0; i < blocks.rows(); ++i) {
      const Index row = blocks.first_row() + i;
      dropped_bounds[row] = blocks.dropped_bound(i);
      blocks.each(i, [&](std::int32_t latent, float value) {
        reservoir.add({value, static_cast<std::int32_t>(row), latent});
      });
    }
  reservoir.shrink();
  arena.rewind(mark);
}

// Recomputes all candidates of the rows whose dropped candidates may be among the best.
void recompute_truncated_rows(const EncoderProduct& product, const float* dropped_bounds,
                              TopKReservoir& reservoir, Arena& arena) {
  const Arena::Mark mark = arena.mark();
  const float threshold = reservoir.threshold();
  Index* rows = arena.take<Index>(product.rows);
  Index* x_indices = arena.take<Index>(product.rows);
  EncoderProduct retry = product;
  retry.rows = 0;
  for (Index i = 0; i < product.rows; ++i) {
    if (dropped_bounds[i] < threshold) continue;
    rows[retry.rows] = i;
    x_indices[retry.rows++] = product.x.index ? product.x.index[i] : i;
  }
  if (retry.rows > 0) {
    retry.x.index = x_indices;
    // A triplet whose value equals the threshold may be better than one held, by its lower row.
    if (reservoir.is_full()) retry.threshold = std::nextafter(threshold, product.threshold);
    reservoir.remove(
        [&](const Triplet& triplet) { return dropped_bounds[triplet.row] >= threshold; });
    for (CandidateBlockIterator blocks(retry, arena); blocks.next();)
      for (Index i = 0; i < blocks.rows(); ++i)
        blocks.each(i, [&](std::int32_t latent, float value) {
          reservoir.add_any(
              {value, static_cast<std::int32_t>(rows[blocks.first_row() + i]), latent});
        });
    reservoir.shrink();
  }
  arena.rewind(mark);
}

// Sorted by row, then latent.
Codes to_codes(const TopKReservoir& reservoir, Index rows, Arena& arena) {
  const Index nonzeros = reservoir.end() - reservoir.begin();
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take_zeroed<Index>(rows + 1);
  codes.latents = arena.take<std::int32_t>(nonzeros);
  codes.values = arena.take<float>(nonzeros);
  for (const Triplet& triplet : reservoir) ++codes.offsets[triplet.row + 1];
  for (Index i = 0; i < rows; ++i) codes.offsets[i + 1] += codes.offsets[i];
  Index* at = arena.take<Index>(rows);
  std::copy_n(codes.offsets, rows, at);
  Triplet* by_row = arena.take<Triplet>(nonzeros);
  for (const Triplet& triplet : reservoir) by_row[at[triplet.row]++] = triplet;
  const double work = 64.0 * static_cast<double>(nonzeros / std::max<Index>(rows, 1) + 1);
  parallel_for(rows, work, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      std::sort(by_row + codes.offsets[i], by_row + codes.offsets[i + 1],
                [](const Triplet& a, const Triplet& b) { return a.latent < b.latent; });
      for (Index e = codes.offsets[i]; e < codes.offsets[i + 1]; ++e) {
        codes.latents[e] = by_row[e].latent;
        codes.values[e] = by_row[e].value;
      }
    }
  });
  return codes;
}

}  // namespace

Codes batch_top_k_codes(const EncoderProduct& product, Index count, float estimate, float& smallest,
                        Arena& arena) {
  const Index max_per_row = kCapacityFactor * ceil_divide(count, std::max<Index>(product.rows, 1));
  float* dropped_bounds = arena.take<float>(product.rows);
  EncoderProduct bounded_product = product;
  bounded_product.threshold = std::max(product.threshold, estimate);
  TopKReservoir reservoir(count, bounded_product.threshold, arena);
  const auto select = [&](const EncoderProduct& current) {
    add_candidates(current, max_per_row, reservoir, dropped_bounds, arena);
    recompute_truncated_rows(current, dropped_bounds, reservoir, arena);
  };
  select(bounded_product);
  if (!reservoir.is_full() && bounded_product.threshold > product.threshold) {
    reservoir.reset(product.threshold);
    select(product);
  }
  smallest = reservoir.is_full() ? reservoir.threshold() : 0;
  return to_codes(reservoir, product.rows, arena);
}

}  // namespace gatewise
