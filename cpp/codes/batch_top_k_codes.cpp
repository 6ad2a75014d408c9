#include "codes/batch_top_k_codes.h"

#include <algorithm>
#include <cmath>

#include "codes/candidate_block_iterator.h"

namespace gatewise {
namespace {

// Few rows have more than so many times their share of a batch's nonzeros: lists have room for that
// many, and a row that may have more is multiplied again with room for all.
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

// The best of what has been added.
class TopKReservoir {
 public:
  TopKReservoir(Index count, float threshold, Arena& arena)
      : count_(count), threshold_(threshold), triplets_(arena.take<Triplet>(2 * count)) {}

  // Entries come in ascending order of rows, then of latents: one that only equals the bound is no
  // better than those that are here.
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
  // Without triplets, as if made anew.
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

  // Nothing at or under it is taken any more.
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

// Adds the candidates of all rows, of each the `max_per_row` largest. dropped_bounds [rows]: what
// was not looked at does not exceed it.
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

// Rows of which something was left out that may be among the best are looked at again, whole.
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
    // One that equals the threshold may be better than those that are here, by its row.
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
