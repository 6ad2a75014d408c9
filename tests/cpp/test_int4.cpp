// Weights of 4 bits: their rounding, their layout, and products with them.
#include "kernels/int4_panels.h"
#include "kernels/int8_product.h"
#include "kernels/quantized_pack.h"
#include "quantized.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kBlockRows = 16;

struct Stored {
  PanelShape shape;
  std::vector<float> source, scale;
  std::vector<std::uint8_t> data, block_scale;

  Stored(Index rows, Index cols, Index block_rows = kBlockRows)
      : shape{rows, cols},
        scale(static_cast<std::size_t>(cols)),
        data(static_cast<std::size_t>(4 * panel_floats(Storage::kInt4, shape)), 77),
        block_scale(static_cast<std::size_t>(ceil_divide(rows, block_rows) * cols)) {
    RandomGenerator rng(static_cast<std::uint64_t>(rows * 100 + cols));
    source = rng.vector(rows * cols);
    for (Index i = 0; i < rows; ++i) source[i * cols] = 0;  // a column of zeros
    for (Index j = 0; j < cols; ++j)                        // blocks of very different sizes
      if (rows > block_rows) source[block_rows * cols + j] *= 5;
    quantize_int4(source.data(), shape,
                  {data.data(), block_scale.data(), scale.data(), block_rows});
    this->block_rows = block_rows;
  }

  Index block_rows;
  Int4Panels view() const {
    return {data.data(), block_scale.data(), scale.data(), shape, block_rows};
  }
  int block(Index i, Index j) const {
    return block_scale[static_cast<std::size_t>(i / block_rows * shape.cols + j)];
  }
  // Code of a value, from the description of the layout.
  int code(Index i, Index j) const {
    const Index octets = ceil_divide(shape.rows, 8);
    const Index at = (j / 16 * octets + i / 8) * 64 + 4 * (j % 16) + i % 4;
    return (data[static_cast<std::size_t>(at)] >> (i % 8 < 4 ? 0 : 4) & 15) - 8;
  }
  int whole(Index i, Index j) const { return code(i, j) * block(i, j); }
};

}  // namespace

TEST_CASE("int4 codes are the nearest ones for a scale of the block with the least error") {
  for (const Index cols : {1, 16, 17, 33})
    for (const Index rows : {1, 7, 8, 16, 17, 70}) {
      const Stored s(rows, cols);
      std::vector<float> dequantized(s.source.size());
      dequantize_int4(s.view(), dequantized.data());
      CHECK(s.scale[0] == 0);
      for (Index j = 1; j < cols; ++j) {
        float largest = 0;
        for (Index i = 0; i < rows; ++i)
          largest = std::max(largest, std::fabs(s.source[i * cols + j]));
        CHECK(s.scale[j] == largest / 105.0f);
        for (Index begin = 0; begin < rows; begin += kBlockRows) {
          const Index end = std::min(begin + kBlockRows, rows);
          const auto error = [&](int scale) {
            double sum = 0;
            for (Index i = begin; i < end; ++i) {
              const double step = double{s.scale[j]} * scale;
              const double code =
                  std::clamp(std::nearbyint(s.source[i * cols + j] / step), -8.0, 7.0);
              sum += std::pow(s.source[i * cols + j] - code * step, 2);
            }
            return sum;
          };
          const double own = error(s.block(begin, j));
          // The scale with which no value is beyond the last code, and half of it.
          float block_largest = 0;
          for (Index i = begin; i < end; ++i)
            block_largest = std::max(block_largest, std::fabs(s.source[i * cols + j]));
          const int needed = static_cast<int>(std::ceil(block_largest / (7 * s.scale[j]) * 0.9999));
          for (int scale = std::max(1, (needed + 1) / 2 + 1); scale <= 15; ++scale)
            CHECK(own <= error(scale) * (1 + 1e-4) + 1e-12);
        }
        for (Index i = 0; i < rows; ++i)
          CHECK(dequantized[i * cols + j] == static_cast<float>(s.whole(i, j)) * s.scale[j]);
      }
      for (Index i = 0; i < rows; ++i) CHECK(dequantized[i * cols] == 0);
    }
}

TEST_CASE("int4 codes are unpacked to bytes of two rows, and packed again") {
  for (const Index cols : {1, 16, 33})
    for (const Index rows : {1, 2, 7, 8, 17}) {
      const Stored s(rows, cols);
      std::vector<std::uint8_t> natural(static_cast<std::size_t>(ceil_divide(rows, 2) * cols));
      unpack_int4_codes(s.data.data(), s.shape, natural.data());
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < cols; ++j)
          CHECK(((natural[i / 2 * cols + j] >> 4 * (i % 2)) & 15) == s.code(i, j) + 8);
      if (rows % 2 == 1)
        for (Index j = 0; j < cols; ++j) CHECK((natural[rows / 2 * cols + j] >> 4) == 8);
      std::vector<std::uint8_t> again(s.data.size(), 77);
      pack_int4(natural.data(), s.shape, again.data());
      CHECK(again == s.data);
    }
}

TEST_CASE("a panel of int4 is unpacked to the int8 panel of codes times block scales") {
  for (const Index cols : {1, 16, 33})
    for (const Index rows : {1, 4, 5, 8, 41}) {
      Stored s(rows, cols);
      // All scales that a file may have.
      for (std::size_t at = 0; at < s.block_scale.size(); ++at)
        s.block_scale[at] = static_cast<std::uint8_t>(at % 16);
      for (Index p = 0; p < s.shape.panels(); ++p) {
        std::vector<std::uint8_t> panel(static_cast<std::size_t>(int4_unpacked_bytes(s.shape)));
        unpack_int4(s.view(), p, panel.data());
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < s.shape.width(p); ++j)
            CHECK(panel[static_cast<std::size_t>(Int8Panels::value_offset(i, j))] ==
                  128 + s.whole(i, p * 16 + j));
      }
    }
}

TEST_CASE("products of a few rows with int4 panels have the bits of integer sums") {
  const Int8Unit unit = best_int8_unit();
  if (unit == Int8Unit::kPairs) return;
  for (const Index cols : {1, 16, 33})
    for (const Index depth : {1, 4, 5, 8, 12, 16, 20, 41, 200})
      for (Index rows = 1; rows <= kFewInt4Rows; ++rows) {
        const Stored s(depth, cols);
        RandomGenerator rng(5);
        const Index stride = int8_row_bytes(depth, unit);
        std::vector<std::byte> bytes(static_cast<std::size_t>(int8_rows_bytes(rows, depth, unit)));
        std::vector<std::int8_t> x;
        std::vector<std::int32_t> corrections;
        for (Index at = 0; at < rows * depth; ++at)
          x.push_back(static_cast<std::int8_t>(rng.below(255) - 127));
        for (Index i = 0; i < rows; ++i)
          corrections.push_back(
              store_int8_row(x.data() + i * depth, depth, unit, bytes.data() + i * stride));
        const std::vector<float> scales = rng.vector(rows, 0.01f, 0.1f);
        Matrix y(rows, cols, cols + 3);
        int4_product({unit, bytes.data(), stride, corrections.data(), scales.data(), nullptr}, 0,
                     rows, s.view(), 0, s.shape.panels(), {.y = y.data(), .y_stride = y.stride});
        bool is_right = true;
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < cols; ++j) {
            std::int64_t sum = 0;
            for (Index k = 0; k < depth; ++k) sum += x[i * depth + k] * s.whole(k, j);
            is_right &= y.at(i, j) == static_cast<float>(sum) * scales[i] * s.scale[j];
          }
        INFO("rows ", rows, " depth ", depth, " cols ", cols);
        CHECK(is_right);
        CHECK(y.gaps_are_intact());
      }
}
