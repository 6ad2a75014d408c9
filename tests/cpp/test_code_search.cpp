#include "codes/code_search.h"

#include <limits>
#include <numeric>

#include "kernels/reduce.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kLatents = 70;

// CSR rows with random nonzero counts, some of them 0.
struct RandomCodes {
  std::vector<Index> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  RandomCodes(Index rows, Index max_nonzeros, std::uint64_t seed, bool has_integer_values = false) {
    RandomGenerator rng(seed);
    for (Index i = 0; i < rows; ++i) {
      Index left = i % 5 == 3 ? 0 : rng.below(max_nonzeros + 1);
      for (std::int32_t column = 0; column < kLatents && left > 0; ++column) {
        if (rng.below(kLatents - column) >= left) continue;
        --left;
        columns.push_back(column);
        values.push_back(has_integer_values ? static_cast<float>(rng.below(3))
                                            : rng.uniform(-1, 1));
      }
      offsets.push_back(static_cast<Index>(columns.size()));
    }
  }

  Index rows() const { return static_cast<Index>(offsets.size()) - 1; }
  SparseRows view() const { return {offsets.data(), columns.data(), values.data()}; }

  std::vector<float> dense() const {
    std::vector<float> table(static_cast<std::size_t>(rows() * kLatents), 0.0f);
    for (Index i = 0; i < rows(); ++i)
      for (Index at = offsets[i]; at < offsets[i + 1]; ++at)
        table[i * kLatents + columns[at]] = values[at];
    return table;
  }
};

struct Found {
  std::vector<std::int32_t> indices;
  std::vector<float> scores;
  bool operator==(const Found&) const = default;
};

Found search(const RandomCodes& stored, const SearchQueries& queries, Index k, Arena& arena) {
  Found found;
  found.indices.resize(static_cast<std::size_t>(queries.count() * k), -1);
  found.scores.resize(found.indices.size(), kCanary);
  search_codes(stored.view(), stored.rows(), queries, k, found.indices.data(), found.scores.data(),
               arena);
  return found;
}

// Scores of all rows by a loop, then a stable sort, then the first k.
template <typename Score>
Found naive_search(Index rows, Index queries, Index k, const Score& score_of) {
  Found found;
  for (Index query = 0; query < queries; ++query) {
    std::vector<float> scores;
    for (Index i = 0; i < rows; ++i) scores.push_back(score_of(i, query));
    std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int32_t a, std::int32_t b) { return scores[a] > scores[b]; });
    for (Index j = 0; j < k; ++j) {
      found.indices.push_back(order[j]);
      found.scores.push_back(scores[order[j]]);
    }
  }
  return found;
}

// The sequential sum over the nonzeros of row i, as the kernel's lanes compute it.
float sequential_dot(const RandomCodes& stored, Index i, const float* weights) {
  Vector sum = Vector::zero();
  for (Index at = stored.offsets[i]; at < stored.offsets[i + 1]; ++at)
    sum = fma(Vector::set(stored.values[at]), Vector::set(weights[stored.columns[at]]), sum);
  alignas(64) float lanes[kPanelWidth];
  sum.store(lanes);
  return lanes[0] + 0.0f;
}

void check_codes(const RandomCodes& stored, const RandomCodes& queries, Index k) {
  const std::vector<float> weights = queries.dense();
  const Found expected = naive_search(stored.rows(), queries.rows(), k, [&](Index i, Index query) {
    return sequential_dot(stored, i, weights.data() + query * kLatents);
  });
  for (const int count : {1, 2, 4}) {
    const Threads threads(count);
    Arena arena;
    SearchQueries search_queries(queries.rows(), kLatents, arena);
    search_queries.set_codes(queries.view());
    CHECK(search(stored, search_queries, k, arena) == expected);
  }
}

// A random decoder, to score rows by the inner product of query and reconstruction.
struct Decoder {
  Index width, stride;
  std::vector<float> decoder, bias, center;

  Decoder(Index width, Index stride, std::uint64_t seed) : width(width), stride(stride) {
    RandomGenerator rng(seed);
    decoder = rng.vector(kLatents * stride);
    bias = rng.vector(width);
    center = rng.vector(width);
  }
  SearchQueries::Reconstruction view() const {
    return {{decoder.data(), stride, width}, bias.data(), center.data(), 0.4f};
  }
  // The inner product of row i's reconstruction with a query.
  Sum score(const RandomCodes& stored, Index i, const float* query) const {
    Sum sum;
    for (Index j = 0; j < width; ++j) {
      for (Index at = stored.offsets[i]; at < stored.offsets[i + 1]; ++at)
        sum.add(0.4 * stored.values[at] * decoder[stored.columns[at] * stride + j], query[j]);
      sum.add(0.4 * bias[j], query[j]);
      sum.add(center[j], query[j]);
    }
    return sum;
  }
};

}  // namespace

TEST_CASE("search_codes agrees with a naive search bitwise for any thread count") {
  for (const Index rows : {1, 2, 7, 100, 3000})
    for (const Index queries : {1, 3, 4, 15, 16, 17, 40}) {
      const RandomCodes stored(rows, 12, static_cast<std::uint64_t>(rows));
      const RandomCodes query_rows(queries, 30, static_cast<std::uint64_t>(queries) + 1000);
      for (const Index k : {Index{1}, std::min<Index>(rows, 10), rows}) {
        INFO("rows ", rows, ", queries ", queries, ", k ", k);
        check_codes(stored, query_rows, k);
      }
    }
}

TEST_CASE("search_codes finds rows of several blocks for any thread count") {
  const RandomCodes stored(20000, 20, 5), query_rows(18, 30, 6);
  for (const Index k : {1, 10, 300}) check_codes(stored, query_rows, k);
}

TEST_CASE("search_codes breaks ties by lowest row, for negative scores too") {
  // Integer values: many scores are equal, many are 0.
  const RandomCodes stored(9000, 3, 7, true);
  RandomCodes query_rows(17, 5, 8, true);
  for (const Index k : {1, 10, 2000}) check_codes(stored, query_rows, k);
  for (float& value : query_rows.values) value = -value;
  for (const Index k : {1, 10, 2000}) check_codes(stored, query_rows, k);
}

TEST_CASE("empty rows score 0") {
  RandomCodes stored(0, 0, 1);
  for (int i = 0; i < 9; ++i) stored.offsets.push_back(0);
  const RandomCodes query_rows(2, 30, 2);
  Arena arena;
  SearchQueries queries(2, kLatents, arena);
  queries.set_codes(query_rows.view());
  const Found found = search(stored, queries, 3, arena);
  CHECK(found.indices == std::vector<std::int32_t>{0, 1, 2, 0, 1, 2});
  CHECK(found.scores == std::vector<float>(6, 0.0f));
}

TEST_CASE("search_codes ranks NaN below every number") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(Hit(infinity, 9).is_better(Hit(3, 1)));
  CHECK(Hit(-3, 9).is_better(Hit(-infinity, 1)));
  CHECK(Hit(-infinity, 9).is_better(Hit(NAN, 1)));
  CHECK(Hit(NAN, 1).is_better(Hit(NAN, 9)));
  CHECK(Hit(NAN, 9).is_better(Hit()));
  CHECK(Hit(-0.0f, 1).is_better(Hit(0.0f, 2)));

  RandomCodes stored(40, 10, 3);
  stored.offsets.erase(stored.offsets.begin() + 1);  // row 0 is not empty
  for (Index i = 0; i < stored.rows(); i += 2)
    for (Index at = stored.offsets[i]; at < stored.offsets[i + 1]; ++at) stored.values[at] = NAN;
  for (const Index count : {1, 3}) {
    const RandomCodes query_rows(count, kLatents, 4);
    Arena arena;
    SearchQueries queries(count, kLatents, arena);
    queries.set_codes(query_rows.view());
    const Index rows = stored.rows();
    const Found found = search(stored, queries, rows, arena);
    for (Index query = 0; query < count; ++query) {
      const float* scores = &found.scores[query * rows];
      CHECK(std::isnan(scores[rows - 1]));
      for (Index j = 1; j < rows; ++j) CHECK((std::isnan(scores[j]) || !std::isnan(scores[j - 1])));
      const auto begin = found.indices.begin() + query * rows;
      std::vector<std::int32_t> order(begin, begin + rows);
      std::sort(order.begin(), order.end());
      for (std::int32_t i = 0; i < rows; ++i) CHECK(order[i] == i);
    }
  }
}

TEST_CASE("search_codes scores rows by the inner product with their reconstruction") {
  for (const Index width : sizes_around_registers()) {
    const Decoder decoder(width, round_up(width, kPanelWidth), static_cast<std::uint64_t>(width));
    const RandomCodes stored(60, 12, 9);
    for (const Index count : {1, 5, 21}) {
      const std::vector<float> query_rows = RandomGenerator(10).vector(count * width);
      Arena arena;
      SearchQueries queries(count, kLatents, arena);
      queries.set_rows({query_rows.data(), width}, decoder.view(), arena);
      const Found found = search(stored, queries, 60, arena);
      WorstError worst;
      for (Index at = 0; at < count * 60; ++at)
        worst.see(found.scores[at],
                  decoder.score(stored, found.indices[at], query_rows.data() + at / 60 * width));
      INFO("width ", width, ", queries ", count, ": ", worst.report());
      CHECK(worst.is_within());
    }
  }
}

TEST_CASE("the results of a query depend neither on other queries nor on the thread count") {
  const Index width = 50, count = 37;
  const Decoder decoder(width, 64, 11);
  const RandomCodes stored(5000, 12, 12);
  const std::vector<float> query_rows = RandomGenerator(13).vector(count * width);
  const auto find = [&](Index first, Index some) {
    Arena arena;
    SearchQueries queries(some, kLatents, arena);
    queries.set_rows({query_rows.data() + first * width, width}, decoder.view(), arena);
    return search(stored, queries, 10, arena);
  };
  const Found whole = find(0, count);
  for (const int threads_count : {1, 2, 4}) {
    const Threads threads(threads_count);
    CHECK(find(0, count) == whole);
    for (Index query = 0; query < count; ++query) {
      const Found alone = find(query, 1);
      CHECK(std::equal(alone.indices.begin(), alone.indices.end(), &whole.indices[query * 10]));
      CHECK(same_bits(alone.scores.data(), &whole.scores[query * 10], 10));
    }
  }
}

TEST_CASE("queries_per_batch is a multiple of the panel width") {
  for (const Index latents : {1, 4096, 1 << 24})
    for (const Index k : {1, 100000}) {
      const Index count = queries_per_batch(latents, k, 100000);
      CHECK(count >= kPanelWidth);
      CHECK(count % kPanelWidth == 0);
    }
}
