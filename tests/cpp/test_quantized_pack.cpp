#include "kernels/quantized_pack.h"

#include "kernels/bfloat16.h"
#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// The nearest bfloat16 to x, found in double; a tie goes to the even one.
float nearest_bfloat16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const std::uint32_t low = bits & 0xffff0000u, high = low + 0x10000u;
  float below, above;
  std::memcpy(&below, &low, sizeof below);
  std::memcpy(&above, &high, sizeof above);
  const double to_below = std::fabs(double{x} - below), to_above = std::fabs(double{x} - above);
  if (to_below == to_above) return (low >> 16) % 2 == 0 ? below : above;
  return to_below < to_above ? below : above;
}

template <typename Value>
std::vector<Value> buffer(Storage storage, PanelShape shape) {
  return std::vector<Value>(
      static_cast<std::size_t>(panel_floats(storage, shape)) * sizeof(float) / sizeof(Value), 77);
}

}  // namespace

TEST_CASE("bfloat16 is rounded to nearest even") {
  RandomGenerator rng(1);
  std::vector<float> values = rng.vector(2000, -100, 100);
  // Ties above an even and an odd value, zeros, a subnormal value and a large one.
  for (const float x : {1.00390625f, 1.01171875f, -1.00390625f, 0.0f, -0.0f, 1e-40f, 3e38f})
    values.push_back(x);
  for (const float x : values) CHECK(from_bfloat16(to_bfloat16(x)) == nearest_bfloat16(x));
}

TEST_CASE("bfloat16 panels hold the rounded matrix and zero padding, and unpack inverts it") {
  for (const Index cols : {1, 15, 16, 17, 33})
    for (const Index rows : {0, 1, 2, 7}) {
      const PanelShape shape{rows, cols};
      RandomGenerator rng(static_cast<std::uint64_t>(rows * 100 + cols));
      const std::vector<float> source = rng.vector(rows * cols);
      auto panels = buffer<std::uint16_t>(Storage::kBfloat16, shape);
      quantize_bfloat16(source.data(), shape, panels.data());
      std::vector<std::uint16_t> expected(panels.size(), 0), stored(source.size());
      std::vector<float> dequantized(source.size());
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
          expected[PackedBfloat16::offset(shape, i, j)] = to_bfloat16(source[i * cols + j]);
      CHECK(panels == expected);
      dequantize_bfloat16(panels.data(), shape, dequantized.data());
      for (std::size_t at = 0; at < dequantized.size(); ++at)
        CHECK(dequantized[at] == nearest_bfloat16(source[at]));
      unpack_bfloat16(panels.data(), shape, stored.data());
      std::fill(panels.begin(), panels.end(), std::uint16_t{77});
      pack_bfloat16(stored.data(), shape, panels.data());
      CHECK(panels == expected);
    }
}

TEST_CASE("int8 panels hold the matrix divided by its column scales, and unpack inverts it") {
  for (const Index cols : {1, 15, 16, 17, 33})
    for (const Index rows : {1, 2, 7}) {
      const PanelShape shape{rows, cols};
      RandomGenerator rng(static_cast<std::uint64_t>(rows * 100 + cols));
      std::vector<float> source = rng.vector(rows * cols);
      for (Index i = 0; i < rows; ++i) source[i * cols] = 0;  // a column of zeros
      auto panels = buffer<std::uint8_t>(Storage::kInt8, shape);
      std::vector<float> scale(static_cast<std::size_t>(cols));
      quantize_int8(source.data(), shape, panels.data(), scale.data());
      std::vector<std::uint8_t> expected(panels.size(), 128);
      std::vector<std::int8_t> stored(source.size());
      for (Index j = 1; j < cols; ++j) {
        float largest = 0;
        for (Index i = 0; i < rows; ++i)
          largest = std::max(largest, std::fabs(source[i * cols + j]));
        CHECK(scale[j] == largest / 127.0f);
        for (Index i = 0; i < rows; ++i)
          expected[PackedInt8::offset(shape, i, j)] =
              static_cast<std::uint8_t>(128 + std::nearbyint(source[i * cols + j] / scale[j]));
      }
      CHECK(scale[0] == 0.0f);
      CHECK(panels == expected);
      std::vector<float> dequantized(source.size());
      dequantize_int8(panels.data(), scale.data(), shape, dequantized.data());
      WorstError worst;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
          // Half a step, plus the rounding of the division and the product.
          worst.see(dequantized[i * cols + j], source[i * cols + j],
                    scale[j] * (0.5 + 127 * 0x1p-22));
      INFO(worst.report());
      CHECK(worst.is_within());
      unpack_int8(panels.data(), shape, stored.data());
      std::fill(panels.begin(), panels.end(), std::uint8_t{77});
      pack_int8(stored.data(), shape, panels.data());
      CHECK(panels == expected);
    }
}
