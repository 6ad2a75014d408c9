#include "codes/selection/top_k_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "codes/selection/encoder_partition.h"
#include "core/parallel.h"
#include "kernels/reduce.h"

namespace gatewise {
namespace {

// Input shared by all threads.
struct Problem {
  const EncoderProduct& product;
  const EncoderPartition& partition;
  Index k;
};

// Selects the k best candidates of row i and writes them at i * k; `compact_to_csr` moves them
// later. Returns the smallest of the k, or -1 if there are fewer.
float store_row(Candidate* list, Index candidates, Index i, Index k, Codes& codes) {
  const Index count = choose_candidates(list, candidates, k);
  float kth_value = std::numeric_limits<float>::infinity();
  for (Index j = 0; j < count; ++j) {
    codes.latents[i * k + j] = list[j].column();
    codes.values[i * k + j] = list[j].value();
    kth_value = std::min(kth_value, list[j].value());
  }
  codes.offsets[i + 1] = count;
  return count == k ? kth_value : -1.0f;
}

// Processes blocks of rows on one thread, each with all latents.
class TopKWorker {
 public:
  // candidates: of a block's rows; row_indices [2 * rows of a block]: scratch.
  TopKWorker(const Problem& problem, int thread, const Candidates& candidates, Index* row_indices,
             float estimate, float* kth_values)
      : problem_(problem),
        thread_(thread),
        candidates_(candidates),
        row_indices_(row_indices),
        estimate_(estimate),
        kth_values_(kth_values) {}

  // Writes the codes of rows [row, row + count).
  void run(Index row, Index count, Codes& codes) const {
    const Rows& x = problem_.product.x;
    const float threshold = problem_.product.threshold;
    begin_candidates(count, threshold, candidates_);
    for (Index i = 0; i < count; ++i) {
      const float estimate = estimate_ * norm_of(row + i);
      if (estimate > threshold) candidates_.bounds[i] = estimate;
    }
    multiply(x.from(row), count);
    Index num_retries = 0;
    for (Index i = row; i < row + count; ++i) {
      // Fewer than k: the estimate may have been too high for this row.
      if (candidates_.counts[i - row] < problem_.k && candidates_.bounds[i - row] > threshold)
        row_indices_[num_retries++] = i;
      else
        store(i - row, i, codes);
    }
    if (num_retries == 0) return;
    Index* rows = row_indices_ + count;
    for (Index j = 0; j < num_retries; ++j)
      rows[j] = x.index ? x.index[row_indices_[j]] : row_indices_[j];
    begin_candidates(num_retries, threshold, candidates_);
    multiply({x.data, x.stride, rows}, num_retries);
    for (Index j = 0; j < num_retries; ++j) store(j, row_indices_[j], codes);
  }

 private:
  float norm_of(Index row) const {
    const float* x = problem_.product.x.row(row);
    return std::sqrt(dot(x, x, problem_.product.w.shape.rows));
  }
  void multiply(const Rows& x, Index count) const {
    problem_.partition.multiply(thread_, x, 0, count, problem_.product.panel_begin,
                                problem_.product.panel_end, problem_.k, candidates_);
  }
  void store(Index list_index, Index row, Codes& codes) const {
    const float norm = norm_of(row);
    const float kth_value = store_row(candidates_.from(list_index).lists,
                                      candidates_.counts[list_index], row, problem_.k, codes);
    kth_values_[row] = norm > 0 ? kth_value / norm : -1;
  }

  const Problem& problem_;
  int thread_;
  Candidates candidates_;
  Index* row_indices_;
  float estimate_;
  float* kth_values_;
};

// Distributes blocks of rows over the threads.
void run_by_rows(const Problem& problem, Codes& codes, RowThresholdEstimate& estimate,
                 Arena& arena) {
  const EncoderProduct& product = problem.product;
  const Index rows = codes.rows, threads = problem.partition.threads();
  const Index block_rows = problem.partition.block_rows();
  const Candidates all =
      take_candidates(threads * block_rows, candidate_capacity(problem.k), arena);
  Index* row_indices = arena.take<Index>(threads * 2 * block_rows);
  float* kth_values = arena.take<float>(rows);
  const float ratio = estimate.value();
  const auto run = [&](Index begin, Index end, int thread) {
    const TopKWorker worker(problem, thread, all.from(thread * block_rows),
                            row_indices + thread * 2 * block_rows, ratio, kth_values);
    for (Index row = begin * block_rows; row < std::min(end * block_rows, rows); row += block_rows)
      worker.run(row, std::min(block_rows, rows - row), codes);
  };
  parallel_for(problem.partition.count(rows), product.operations(block_rows, product.panels()), run,
               problem.partition.threads());
  estimate.update(kth_values, rows);
}

// Distributes parts of the latents, each with all rows and separate lists, then joins the lists.
void run_by_latents(const Problem& problem, Codes& codes, Arena& arena) {
  const EncoderProduct& product = problem.product;
  const Index rows = codes.rows, panels = product.panels();
  const Index parts = problem.partition.parts();
  const Candidates all = take_candidates(parts * rows, candidate_capacity(problem.k), arena);
  begin_candidates(parts * rows, product.threshold, all);
  parallel_for(parts, product.operations(rows, ceil_divide(panels, parts)),
               [&](Index begin, Index end, int thread) {
                 for (Index part = begin; part < end; ++part)
                   problem.partition.multiply(thread, product.x, 0, rows,
                                              product.panel_begin + panels * part / parts,
                                              product.panel_begin + panels * (part + 1) / parts,
                                              problem.k, all.from(part * rows));
               });
  Candidate* joined = arena.take<Candidate>(parts * all.capacity);
  for (Index i = 0; i < rows; ++i) {
    Candidate* end = joined;
    for (Index part = 0; part < parts; ++part) {
      const Candidates own = all.from(part * rows + i);
      end = std::copy_n(own.lists, *own.counts, end);
    }
    store_row(joined, end - joined, i, problem.k, codes);
  }
}

// Moves the nonzeros from i * k to CSR positions; initially offsets[i + 1] is the count of row i.
void compact_to_csr(Index k, Codes& codes) {
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

// In a normal distribution 1 row in 700 lies more than three standard deviations below the mean.
void RowThresholdEstimate::update(const float* kth_values, Index rows) {
  double sum = 0, square = 0;
  Index full = 0;
  for (Index i = 0; i < rows; ++i) {
    if (kth_values[i] < 0) continue;
    ++full;
    sum += kth_values[i];
    square += double{kth_values[i]} * kth_values[i];
  }
  const double mean = sum / static_cast<double>(std::max<Index>(full, 1));
  const double variance = square / static_cast<double>(std::max<Index>(full, 1)) - mean * mean;
  const bool is_common = 8 * full >= 7 * rows;
  const double bound = is_common ? mean - 3 * std::sqrt(std::max(variance, 0.0)) : 0.0;
  value_.store(static_cast<float>(std::max(bound, 0.0)), std::memory_order_relaxed);
}

Codes top_k_codes(const EncoderProduct& product, Index k, RowThresholdEstimate& estimate,
                  Arena& arena) {
  const Index rows = product.rows;
  Codes codes;
  codes.rows = rows;
  codes.offsets = arena.take<Index>(rows + 1);
  codes.latents = arena.take<std::int32_t>(rows * k);
  codes.values = arena.take<float>(rows * k);
  const EncoderPartition partition(product, rows, arena);
  const Problem problem{product, partition, k};
  if (partition.parts() > 1)
    run_by_latents(problem, codes, arena);
  else
    run_by_rows(problem, codes, estimate, arena);
  compact_to_csr(k, codes);
  return codes;
}

}  // namespace gatewise
