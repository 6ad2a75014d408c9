#include "products/top_k_codes.h"

#include <algorithm>

#include "kernels/top_k_product.h"
#include "products/grouped.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Rows of a block that stay in the second cache while all of W passes: 256 KB of them.
constexpr Index kBlockFloats = 64 * 1024;
constexpr Index kLeastBlockRows = 48;

// Fewer rows than this for each thread would read W too often: its latents are cut.
constexpr Index kFewRows = 2 * kRowGrain;
constexpr Index kPartsPerThread = 4;

// What every piece of the work reads.
struct Problem {
  const Rows& x;
  const Panels& w;
  const float* bias;
  Index k;
  float threshold;

  Index room() const { return candidate_room(k); }
  double operations(Index rows, Index panels) const {
    return static_cast<double>(rows * panels * kPanelWidth * w.shape.rows);
  }
};

// Candidates of so many rows.
Candidates take_candidates(Index rows, Index room, Arena& arena) {
  return {arena.take<Candidate>(rows * room), arena.take<std::int32_t>(rows),
          arena.take<float>(rows)};
}

// Writes the chosen of `list` as row i's entries, k apart for the time being.
void store_row(const Candidate* list, Index count, Index i, Index k, Codes& codes) {
  for (Index j = 0; j < count; ++j) {
    codes.latents[i * k + j] = list[j].column;
    codes.values[i * k + j] = list[j].value;
  }
  codes.offsets[i + 1] = count;
}

// Blocks of rows, as many for each thread, each with all latents.
void run_by_rows(const Problem& problem, Codes& codes, Arena& arena) {
  const Index rows = codes.rows, panels = problem.w.shape.panels(), threads = num_threads();
  const Index most = std::max(kLeastBlockRows, kBlockFloats / problem.w.shape.rows);
  const Index blocks = ceil_divide(rows, most * threads) * threads;
  const Index block_rows = ceil_divide(rows, blocks), room = problem.room();
  const Candidates all = take_candidates(threads * block_rows, room, arena);
  const auto run = [&](Index begin, Index end, int thread) {
    const Candidates own = all.from(thread * block_rows, room);
    for (Index row = begin * block_rows; row < std::min(end * block_rows, rows);
         row += block_rows) {
      const Index count = std::min(block_rows, rows - row);
      begin_candidates(count, problem.threshold, own);
      top_k_product(problem.x.from(row), 0, count, problem.w, problem.bias, 0, panels, problem.k,
                    own);
      for (Index i = 0; i < count; ++i) {
        Candidate* list = own.lists + i * room;
        store_row(list, choose_candidates(list, own.counts[i], problem.k), row + i, problem.k,
                  codes);
      }
    }
  };
  parallel_for(blocks, problem.operations(block_rows, panels), run, static_cast<int>(threads));
}

// Parts of the latents, each with all rows and lists of its own, which are then joined.
void run_by_latents(const Problem& problem, Codes& codes, Arena& arena) {
  const Index rows = codes.rows, panels = problem.w.shape.panels(), room = problem.room();
  const Index parts = std::min<Index>(panels, kPartsPerThread * num_threads());
  const Candidates all = take_candidates(parts * rows, room, arena);
  begin_candidates(parts * rows, problem.threshold, all);
  parallel_for(
      parts, problem.operations(rows, ceil_divide(panels, parts)), [&](Index begin, Index end) {
        for (Index part = begin; part < end; ++part)
          top_k_product(problem.x, 0, rows, problem.w, problem.bias, panels * part / parts,
                        panels * (part + 1) / parts, problem.k, all.from(part * rows, room));
      });
  Candidate* joined = arena.take<Candidate>(parts * room);
  for (Index i = 0; i < rows; ++i) {
    Candidate* end = joined;
    for (Index part = 0; part < parts; ++part) {
      const Candidates own = all.from(part * rows + i, room);
      end = std::copy_n(own.lists, *own.counts, end);
    }
    store_row(joined, choose_candidates(joined, end - joined, problem.k), i, problem.k, codes);
  }
}

// From k places a row to CSR: offsets[i + 1] holds the count of row i.
void close_gaps(Index k, Codes& codes) {
  codes.offsets[0] = 0;
  for (Index i = 0; i < codes.rows; ++i) {
    const Index count = codes.offsets[i + 1], at = codes.offsets[i];
    if (at != i * k) {
      std::copy_n(codes.latents + i * k, count, codes.latents + at);
      std::copy_n(codes.values + i * k, count, codes.values + at);
    }
    codes.offsets[i + 1] = at + count;
  }
}

}  // namespace

Codes top_k_codes(const Rows& x, Index rows, const Panels& w, const float* bias, Index k,
                  float threshold, Arena& arena) {
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take<Index>(rows + 1);
  codes.latents = arena.take<std::int32_t>(rows * k);
  codes.values = arena.take<float>(rows * k);
  const Problem problem{x, w, bias, k, threshold};
  if (rows < kFewRows * num_threads())
    run_by_latents(problem, codes, arena);
  else
    run_by_rows(problem, codes, arena);
  close_gaps(k, codes);
  return codes;
}

}  // namespace gatewise
