#include <numeric>

#include "codes/selection/batch_top_k_codes.h"
#include "codes/selection/candidate_block_iterator.h"
#include "encoder.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A stable sort of the whole matrix: ties in order of rows, then of latents.
std::vector<Code> naive_codes(const Matrix& h, Index count, float threshold) {
  std::vector<Index> order(h.values.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return h.values[a] > h.values[b]; });
  order.resize(std::min<std::size_t>(order.size(), static_cast<std::size_t>(count)));
  std::sort(order.begin(), order.end());
  std::vector<Code> codes(static_cast<std::size_t>(h.rows));
  for (const Index at : order) {
    if (!(h.values[at] > threshold)) continue;
    codes[at / h.cols].latents.push_back(static_cast<std::int32_t>(at % h.cols));
    codes[at / h.cols].values.push_back(h.values[at]);
  }
  return codes;
}

void check_batch(const Encoder& encoder, const Matrix& h, Index count, float threshold,
                 float estimate) {
  Arena arena;
  float smallest = -1;
  const Codes codes =
      batch_top_k_codes(encoder.encoder_product(threshold), count, estimate, smallest, arena);
  const std::vector<Code> expected = naive_codes(h, count, threshold);
  float smallest_kept = std::numeric_limits<float>::infinity();
  for (Index i = 0; i < encoder.rows; ++i) {
    CHECK(code_of_row(codes, i) == expected[i]);
    for (const float value : expected[i].values) smallest_kept = std::min(smallest_kept, value);
  }
  CHECK(smallest == (codes.nonzeros() == count ? smallest_kept : 0.0f));
}

}  // namespace

TEST_CASE("batch_top_k_codes equals the selection from the full product bitwise for any estimate") {
  for (const auto& [rows, depth, latents] : {std::tuple<Index, Index, Index>{1, 7, 5},
                                             {3, 20, 100},
                                             {50, 33, 16},
                                             {500, 12, 331},
                                             {300, 90, 200}}) {
    const Encoder encoder(rows, depth, latents, static_cast<std::uint64_t>(rows));
    const Matrix h = encoder.product();
    for (const int count : {1, 2, 4}) {
      const Threads threads(count);
      for (const Index k : {Index{1}, std::min<Index>(latents, 40), latents})
        for (const float threshold : {0.0f, 0.7f})
          for (const float estimate : {0.0f, 1.5f, 1000.0f})
            check_batch(encoder, h, rows * k, threshold, estimate);
    }
  }
}

TEST_CASE("a row may have many times the average count of nonzeros") {
  for (const Index rows : {20, 300}) {
    Encoder encoder(rows, 70, 1600, 4);
    for (Index j = 0; j < 70; ++j) {
      encoder.x[7 * 70 + j] *= 100;
      encoder.x[(rows - 1) * 70 + j] *= 3;
    }
    const Matrix h = encoder.product();
    for (const int threads : {1, 2}) {
      const Threads guard(threads);
      for (const Index k : {1, 3, 10})
        for (const float estimate : {0.0f, 1.0f, 20.0f, 1000.0f})
          check_batch(encoder, h, rows * k, 0, estimate);
    }
  }
}

TEST_CASE("batch_top_k_codes breaks ties by lowest row, then lowest latent") {
  Encoder encoder(200, 4, 64, 1);
  std::fill_n(encoder.panels.data(), encoder.shape.floats(), 0.0f);
  for (float& bias : encoder.bias) bias = std::round(2 * bias) + 1;
  const Matrix h = encoder.product();
  for (const Index count : {1, 777, 4000}) check_batch(encoder, h, count, 0, 0);
}

TEST_CASE("codes_above_threshold returns the values above threshold and lower bounds by latent") {
  for (const Index rows : {1, 30, 700}) {
    const Encoder encoder(rows, 9, 213, 3);
    const Matrix h = encoder.product();
    RandomGenerator rng(5);
    const std::vector<float> lower_bounds = rng.vector(213);
    for (const int count : {1, 2}) {
      const Threads threads(count);
      for (const float threshold : {-std::numeric_limits<float>::infinity(), -0.5f, 0.8f}) {
        EncoderProduct product = encoder.encoder_product(threshold);
        product.terms.lower_bounds = lower_bounds.data();
        Arena arena;
        const Codes codes = codes_above_threshold(product, arena);
        for (Index i = 0; i < rows; ++i) {
          Code expected;
          for (Index j = 0; j < 213; ++j) {
            const float value = h.values[i * h.stride + j];
            if (!(value > std::max(threshold, lower_bounds[j]))) continue;
            expected.latents.push_back(static_cast<std::int32_t>(j));
            expected.values.push_back(value);
          }
          CHECK(code_of_row(codes, i) == expected);
        }
      }
    }
  }
}
