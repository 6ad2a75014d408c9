#include "codes/code_search.h"

#include <algorithm>

#include "core/errors.h"
#include "core/parallel.h"
#include "kernels/dot_rows.h"
#include "kernels/finite.h"
#include "kernels/reduce.h"
#include "kernels/stored_rows.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Rows of W_d whose products with a query are summed side by side.
constexpr Index kRowsPerDot = 4;

// Nonzeros plus rows of a block: few enough that a single query is distributed over several
// threads.
constexpr Index kBlockCost = 16 * 1024;

// Blocks that each panel of queries searches in succession: 8 MB of nonzeros.
constexpr Index kBlocksPerPass = 64;

// Maximum floats of all weights, and hits of all lists, of a batch of queries.
constexpr Index kMaxWeights = Index{1} << 22, kMaxHits = Index{1} << 23;

// Cuts rows into blocks of about equal cost: nonzeros plus rows.
class RowPartition {
 public:
  RowPartition(const SparseRows& codes, Index rows) : codes_(codes), rows_(rows) {
    blocks_ = ceil_divide(cost_before(rows), kBlockCost);
  }

  Index blocks() const { return blocks_; }
  // The first row of a block; for block `blocks()`, the row count.
  Index row(Index block) const {
    Index low = 0, high = rows_;
    while (low < high) {
      const Index middle = low + (high - low) / 2;
      if (cost_before(middle) < block * kBlockCost)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

 private:
  Index cost_before(Index row) const { return codes_.offsets[row] - codes_.offsets[0] + row; }

  const SparseRows& codes_;
  Index rows_, blocks_;
};

HitLists take_lists(Index panels, Index capacity, Arena& arena) {
  const Index queries = panels * kPanelWidth;
  const HitLists lists{arena.take<Hit>(queries * capacity), arena.take<std::int32_t>(queries),
                       arena.take<Hit>(queries), arena.take<float>(queries), capacity};
  begin_hits(panels, lists);
  return lists;
}

}  // namespace

SearchQueries::SearchQueries(Index count, Index latents, Arena& arena)
    : shape_{latents, count},
      weights_(arena.take_zeroed<float>(shape_.floats() + kPanelWidth)),
      constants_(arena.take_zeroed<float>(shape_.panels() * kPanelWidth)) {}

void SearchQueries::set_codes(const SparseRows& codes) {
  for (Index query = 0; query < count(); ++query)
    for (Index at = codes.begin(query); at < codes.end(query); ++at)
      weight(codes.columns[at], query) = codes.values[at];
}

// Weights of the queries of panel p for latents [begin, end). widened [kRowsPerDot, stride of W_d]:
// scratch.
void SearchQueries::set_block(const Rows& queries, const Reconstruction& from, Index p, Index begin,
                              Index end, float* widened) {
  const Index stride = shape_.stride(p), width = shape_.width(p);
  float products[kRowsPerDot];
  for (Index latent = begin; latent < end; latent += kRowsPerDot) {
    const Index num_rows = std::min(kRowsPerDot, end - latent);
    float* to = weights_ + shape_.offset(p) + latent * stride;
    const float* rows[kRowsPerDot];  // beyond the last row: the last row again
    for (Index j = 0; j < kRowsPerDot; ++j)
      rows[j] = stored_row(from.decoder, latent + std::min(j, num_rows - 1),
                           widened + j * from.decoder.stride);
    for (Index l = 0; l < width; ++l) {
      dot_rows<kRowsPerDot>(rows, queries.row(p * kPanelWidth + l), from.decoder.width, products);
      for (Index j = 0; j < num_rows; ++j) to[j * stride + l] = from.scale * products[j];
    }
  }
}

void SearchQueries::set_rows(const Rows& queries, const Reconstruction& from, Arena& arena) {
  // A copy with aligned rows: reading across cache lines takes twice as long.
  const Index stride = round_up(from.decoder.width, kPanelWidth);
  float* copy = arena.take_zeroed<float>(count() * stride);
  for (Index query = 0; query < count(); ++query)
    std::copy_n(queries.row(query), from.decoder.width, copy + query * stride);
  const Rows aligned{copy, stride};
  // Rows of W_d that stay in the L2 cache for all queries, while a panel of queries is in the L1.
  constexpr Index kBlock = 64;
  const double operations = static_cast<double>(kBlock * from.decoder.width * count());
  const ThreadScratch widened(kRowsPerDot * from.decoder.stride, arena);
  const auto run = [&](Index begin, Index end, int thread) {
    for (Index block = begin; block < end; ++block)
      for (Index p = 0; p < panels(); ++p)
        set_block(aligned, from, p, block * kBlock, std::min((block + 1) * kBlock, shape_.rows),
                  widened.of(thread));
  };
  parallel_for(ceil_divide(shape_.rows, kBlock), operations, run, widened.threads());
  parallel_for(count(), static_cast<double>(2 * from.decoder.width), [&](Index begin, Index end) {
    for (Index query = begin; query < end; ++query)
      constants_[query] = from.scale * dot(from.bias, aligned.row(query), from.decoder.width) +
                          dot(from.center, aligned.row(query), from.decoder.width);
  });
}

Index queries_per_batch(Index latents, Index k, Index rows) {
  const Index hits = num_threads() * hit_capacity(k, rows);
  const Index max_queries = std::min(kMaxWeights / std::max<Index>(latents, 1), kMaxHits / hits);
  return std::max(max_queries / kPanelWidth, Index{1}) * kPanelWidth;
}

void search_codes(const SparseRows& codes, Index rows, const SearchQueries& queries, Index k,
                  std::int32_t* indices, float* scores, Arena& arena) {
  const Index panels = queries.panels(), threads = num_threads();
  const RowPartition partition(codes, rows);
  // Each thread has its own lists, since it may search any block. Results do not depend on which
  // list holds a hit: the k best are chosen from all lists, and no two hits are equal.
  const HitLists all = take_lists(threads * panels, hit_capacity(k, rows), arena);
  // A panel searches several blocks in succession; the L3 cache then holds them for the next panel.
  const Index part = std::min(kBlocksPerPass, std::max<Index>(partition.blocks(), 1));
  const Index items = ceil_divide(partition.blocks(), part) * panels * part;
  const auto run = [&](Index begin, Index end, int thread) {
    for (Index item = begin; item < end; ++item) {
      const Index panel = item / part % panels;
      const Index block = item / (part * panels) * part + item % part;
      search_rows(codes, partition.row(block), partition.row(block + 1), queries.panel(panel), k,
                  all.from(thread * panels + panel));
    }
  };
  const Index multiplied = kBlockCost * std::min(kPanelWidth, queries.count());
  parallel_for(items, static_cast<double>(multiplied), run, static_cast<int>(threads));

  const Index capacity = threads * all.capacity;
  Hit* scratch = arena.take<Hit>(threads * capacity);
  const auto join = [&](Index begin, Index end, int thread) {
    Hit* joined = scratch + thread * capacity;
    for (Index query = begin; query < end; ++query) {
      Hit* last = joined;
      for (Index source = 0; source < threads; ++source) {
        const Index list = source * panels * kPanelWidth + query;
        last = std::copy_n(all.hits + list * all.capacity, all.counts[list], last);
      }
      choose_hits(joined, last - joined, k);
      for (Index j = 0; j < k; ++j) {
        indices[query * k + j] = joined[j].row();
        scores[query * k + j] = joined[j].score();
      }
    }
  };
  // Choosing and sorting a hit costs some hundred multiply-adds.
  const double operations = 512 * static_cast<double>(capacity);
  parallel_for(queries.count(), operations, join, static_cast<int>(threads));
}

void search(const SparseRows& codes, Index rows, const Input& queries, Index count, Index latents,
            const SearchQueries::Reconstruction& reconstruction, Index k, std::int32_t* indices,
            float* scores) {
  const Index batch_size = queries_per_batch(latents, k, rows);
  Arena arena;
  for (Index first = 0; first < count; first += batch_size) {
    poll_interrupt();
    arena.reset();
    const Input batch = queries.from(first);
    SearchQueries weights(std::min(batch_size, count - first), latents, arena);
    if (batch.is_sparse())
      weights.set_codes(batch.sparse);
    else
      weights.set_rows(batch.dense, reconstruction, arena);
    search_codes(codes, rows, weights, k, indices + first * k, scores + first * k, arena);
  }
  const Index bad = find_nonfinite(scores, count * k);
  require(bad < 0, "query: expected scores in the range of float32, got one beyond it at row ",
          bad / k);
}

}  // namespace gatewise
