#include "codes/selection/top_k_codes.h"

#include <numeric>

#include "encoder.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A stable sort of the whole row: ties in order of latents.
Code naive_code(const float* h, Index latents, Index k, float threshold) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(latents));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return h[a] > h[b]; });
  order.resize(static_cast<std::size_t>(k));
  std::sort(order.begin(), order.end());
  Code code;
  for (const std::int32_t latent : order) {
    if (!(h[latent] > threshold)) continue;
    code.latents.push_back(latent);
    code.values.push_back(h[latent]);
  }
  return code;
}

void check_codes(const Encoder& encoder, const Matrix& h, Index k, float threshold,
                 RowThresholdEstimate& estimate) {
  Arena arena;
  const Codes codes = top_k_codes(encoder.encoder_product(threshold), k, estimate, arena);
  REQUIRE(codes.rows == encoder.rows);
  for (Index i = 0; i < encoder.rows; ++i)
    CHECK(code_of_row(codes, i) ==
          naive_code(h.values.data() + i * h.stride, h.cols, k, threshold));
}

void check_codes(const Encoder& encoder, const Matrix& h, Index k, float threshold) {
  RowThresholdEstimate estimate;
  // First without an estimate, then with the estimate that these rows left.
  for (int pass = 0; pass < 2; ++pass) check_codes(encoder, h, k, threshold, estimate);
}

}  // namespace

TEST_CASE("top_k_codes equals the selection from the full product bitwise for any thread count") {
  for (const auto& [rows, depth, latents] : {std::tuple<Index, Index, Index>{1, 7, 5},
                                             {3, 20, 100},
                                             {50, 33, 16},
                                             {200, 12, 331},
                                             {300, 90, 700}}) {
    const Encoder encoder(rows, depth, latents, static_cast<std::uint64_t>(rows));
    const Matrix h = encoder.product();
    for (const int count : {1, 2, 4}) {
      const Threads threads(count);
      for (const Index k : {Index{1}, Index{3}, std::min<Index>(latents, 40), latents})
        for (const float threshold : {0.0f, 0.7f}) check_codes(encoder, h, k, threshold);
    }
  }
}

TEST_CASE("top_k_codes breaks ties by lowest latent") {
  Encoder encoder(40, 4, 200, 1);
  std::fill_n(encoder.panels.data(), encoder.shape.floats(), 0.0f);
  for (float& bias : encoder.bias) bias = std::round(2 * bias) + 1;  // 0, 1, 2, 3: many ties
  const Matrix h = encoder.product();
  for (const Index k : {1, 5, 60, 120}) check_codes(encoder, h, k, 0);
}

TEST_CASE("an estimate too high for some or all rows changes no code") {
  const Encoder encoder(300, 12, 331, 5);
  const Matrix h = encoder.product();
  for (const float too_high : {0.5f, 1.5f, 2.5f, 100.0f}) {
    RowThresholdEstimate estimate;
    const std::vector<float> kth_values(10, too_high);
    estimate.update(kth_values.data(), 10);
    CHECK(estimate.value() == doctest::Approx(too_high));
    check_codes(encoder, h, 20, 0, estimate);
    CHECK(estimate.value() < 100);
  }
}

TEST_CASE("rows with fewer than k active latents reset the estimate") {
  RowThresholdEstimate estimate;
  const std::vector<float> kth_values{1, 1, 1, -1};
  estimate.update(kth_values.data(), 3);
  CHECK(estimate.value() == doctest::Approx(1));
  estimate.update(kth_values.data(), 4);
  CHECK(estimate.value() == 0);
}

TEST_CASE("codes contain no NaN") {
  Encoder encoder(30, 4, 64, 2);
  for (Index latent = 0; latent < 64; latent += 3) encoder.bias[latent] = NAN;
  Arena arena;
  RowThresholdEstimate estimate;
  const Codes codes = top_k_codes(encoder.encoder_product(0), 50, estimate, arena);
  for (Index nonzero = 0; nonzero < codes.nonzeros(); ++nonzero)
    CHECK(codes.latents[nonzero] % 3 != 0);
}

TEST_CASE("top_k_codes accepts zero rows") {
  const Encoder encoder(0, 4, 64, 2);
  Arena arena;
  RowThresholdEstimate estimate;
  CHECK(top_k_codes(encoder.encoder_product(0), 3, estimate, arena).nonzeros() == 0);
}
