#include "codes/top_k_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "codes/code_blocks.h"
#include "core/parallel.h"
#include "kernels/reduce.h"

namespace gatewise {
namespace {

// What every piece of the work reads.
struct Problem {
  const CodeProduct& product;
  const CodeBlocks& blocks;
  Index k;
};

// Chooses among the candidates of row i and writes its entries, k apart for the time being. Returns
// the least of the k, or -1 where there are fewer.
float store_row(Candidate* list, Index candidates, Index i, Index k, Codes& codes) {
  const Index count = choose_candidates(list, candidates, k);
  float least = std::numeric_limits<float>::infinity();
  for (Index j = 0; j < count; ++j) {
    codes.latents[i * k + j] = list[j].column();
    codes.values[i * k + j] = list[j].value();
    least = std::min(least, list[j].value());
  }
  codes.offsets[i + 1] = count;
  return count == k ? least : -1.0f;
}

// A thread's blocks of rows, each with all latents.
class RowBlock {
 public:
  // candidates of a block's rows; numbers [2 * rows of a block] are scratch.
  RowBlock(const Problem& problem, int thread, const Candidates& candidates, Index* numbers,
           float guess, float* least_of_rows)
      : problem_(problem),
        thread_(thread),
        candidates_(candidates),
        numbers_(numbers),
        guess_(guess),
        least_of_rows_(least_of_rows) {}

  // Rows [row, row + count).
  void run(Index row, Index count, Codes& codes) const {
    const Rows& x = problem_.product.x;
    const float least = problem_.product.least;
    begin_candidates(count, least, candidates_);
    for (Index i = 0; i < count; ++i) {
      const float guess = guess_ * norm_of(row + i);
      if (guess > least) candidates_.bounds[i] = guess;
    }
    multiply(x.from(row), count);
    Index again = 0;
    for (Index i = row; i < row + count; ++i) {
      // Too few: the guess was too high for this row, unless there are no more.
      if (candidates_.counts[i - row] < problem_.k && candidates_.bounds[i - row] > least)
        numbers_[again++] = i;
      else
        store(i - row, i, codes);
    }
    if (again == 0) return;
    Index* rows = numbers_ + count;
    for (Index j = 0; j < again; ++j) rows[j] = x.index ? x.index[numbers_[j]] : numbers_[j];
    begin_candidates(again, least, candidates_);
    multiply({x.data, x.stride, rows}, again);
    for (Index j = 0; j < again; ++j) store(j, numbers_[j], codes);
  }

 private:
  float norm_of(Index row) const {
    const float* x = problem_.product.x.row(row);
    return std::sqrt(dot(x, x, problem_.product.w.shape.rows));
  }
  void multiply(const Rows& x, Index count) const {
    problem_.blocks.multiply(thread_, x, 0, count, problem_.product.panel_begin,
                             problem_.product.panel_end, problem_.k, candidates_);
  }
  void store(Index place, Index row, Codes& codes) const {
    const float norm = norm_of(row);
    const float least =
        store_row(candidates_.from(place).lists, candidates_.counts[place], row, problem_.k, codes);
    least_of_rows_[row] = norm > 0 ? least / norm : -1;
  }

  const Problem& problem_;
  int thread_;
  Candidates candidates_;
  Index* numbers_;
  float guess_;
  float* least_of_rows_;
};

// Blocks of rows, as many for each thread.
void run_by_rows(const Problem& problem, Codes& codes, BoundGuess& guess, Arena& arena) {
  const CodeProduct& product = problem.product;
  const Index rows = codes.rows, threads = problem.blocks.threads();
  const Index block_rows = problem.blocks.block_rows();
  const Candidates all = take_candidates(threads * block_rows, candidate_room(problem.k), arena);
  Index* numbers = arena.take<Index>(threads * 2 * block_rows);
  float* least_of_rows = arena.take<float>(rows);
  const float share = guess.value();
  const auto run = [&](Index begin, Index end, int thread) {
    const RowBlock block(problem, thread, all.from(thread * block_rows),
                         numbers + thread * 2 * block_rows, share, least_of_rows);
    for (Index row = begin * block_rows; row < std::min(end * block_rows, rows); row += block_rows)
      block.run(row, std::min(block_rows, rows - row), codes);
  };
  parallel_for(problem.blocks.count(rows), product.operations(block_rows, product.panels()), run,
               problem.blocks.threads());
  guess.learn(least_of_rows, rows);
}

// Parts of the latents, each with all rows and lists of its own, which are then joined.
void run_by_latents(const Problem& problem, Codes& codes, Arena& arena) {
  const CodeProduct& product = problem.product;
  const Index rows = codes.rows, panels = product.panels();
  const Index parts = problem.blocks.parts();
  const Candidates all = take_candidates(parts * rows, candidate_room(problem.k), arena);
  begin_candidates(parts * rows, product.least, all);
  parallel_for(parts, product.operations(rows, ceil_divide(panels, parts)),
               [&](Index begin, Index end, int thread) {
                 for (Index part = begin; part < end; ++part)
                   problem.blocks.multiply(thread, product.x, 0, rows,
                                           product.panel_begin + panels * part / parts,
                                           product.panel_begin + panels * (part + 1) / parts,
                                           problem.k, all.from(part * rows));
               });
  Candidate* joined = arena.take<Candidate>(parts * all.room);
  for (Index i = 0; i < rows; ++i) {
    Candidate* end = joined;
    for (Index part = 0; part < parts; ++part) {
      const Candidates own = all.from(part * rows + i);
      end = std::copy_n(own.lists, *own.counts, end);
    }
    store_row(joined, end - joined, i, problem.k, codes);
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

// Normally distributed, 1 row in 700 lies below three standard deviations under the mean.
void BoundGuess::learn(const float* least_of_rows, Index rows) {
  double sum = 0, square = 0;
  Index full = 0;
  for (Index i = 0; i < rows; ++i) {
    if (least_of_rows[i] < 0) continue;
    ++full;
    sum += least_of_rows[i];
    square += double{least_of_rows[i]} * least_of_rows[i];
  }
  const double mean = sum / static_cast<double>(std::max<Index>(full, 1));
  const double variance = square / static_cast<double>(std::max<Index>(full, 1)) - mean * mean;
  const bool is_common = 8 * full >= 7 * rows;
  const double bound = is_common ? mean - 3 * std::sqrt(std::max(variance, 0.0)) : 0.0;
  value_.store(static_cast<float>(std::max(bound, 0.0)), std::memory_order_relaxed);
}

Codes top_k_codes(const CodeProduct& product, Index k, BoundGuess& guess, Arena& arena) {
  const Index rows = product.rows;
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take<Index>(rows + 1);
  codes.latents = arena.take<std::int32_t>(rows * k);
  codes.values = arena.take<float>(rows * k);
  const CodeBlocks blocks(product, rows, arena);
  const Problem problem{product, blocks, k};
  if (blocks.parts() > 1)
    run_by_latents(problem, codes, arena);
  else
    run_by_rows(problem, codes, guess, arena);
  close_gaps(k, codes);
  return codes;
}

}  // namespace gatewise
