#include "kernels/int8_unit.h"

#include <array>

#include "kernels/amx.h"
#include "kernels/int8_product.h"

#if defined(__AVX2__) && !defined(__AVX512F__)
#include <cpuid.h>
#endif

namespace gatewise {
namespace {

bool read_has_vnni() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512vnni") != 0;
#elif defined(__AVX2__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAvxVnni = 1u << 4;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kAvxVnni) != 0;
#else
  return false;
#endif
}

// A few rows of a fixed depth, with scales of 1.
template <Index kRows, Index kDepth>
class Int8RowsOf {
 public:
  explicit Int8RowsOf(Int8Unit unit) : unit_(unit) { scales_.fill(1); }

  void set(Index i, const std::int8_t* values) {
    corrections_[i] =
        store_int8_row(values, kDepth, unit_, bytes_.data() + i * int8_row_bytes(kDepth, unit_));
  }
  Int8Rows view() const {
    return {unit_,          bytes_.data(), int8_row_bytes(kDepth, unit_), corrections_.data(),
            scales_.data(), nullptr};
  }

 private:
  // Enough for every unit, and for the rows that tiles read after the last one.
  static constexpr Index kStride = 2 * round_up(kDepth, kAmxBytes);

  Int8Unit unit_;
  alignas(8) std::array<std::byte, (kRows + kAmxRows - 1) * kStride> bytes_ = {};
  std::array<std::int32_t, kRows> corrections_;
  std::array<float, kRows> scales_;
};

// True if a unit gives the sums of pairs for rows and weights that include all extremes.
bool agrees(Int8Unit unit) {
  constexpr Index kRows = 41, kDepth = 70, kUnits = 40;
  constexpr PanelShape kShape{kDepth, kUnits};
  std::array<std::uint8_t, 3 * 72 * kPanelWidth> weights;
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<std::uint8_t>(i * 89 % 256);
  std::array<float, kUnits> scale;
  scale.fill(1);
  std::array<float, kRows * kUnits> y[2];
  for (const bool is_plain : {false, true}) {
    Int8RowsOf<kRows, kDepth> rows(is_plain ? Int8Unit::kPairs : unit);
    for (Index i = 0; i < kRows; ++i) {
      std::array<std::int8_t, kDepth> values;
      for (Index k = 0; k < kDepth; ++k)
        values[k] = static_cast<std::int8_t>((i * 37 + k * 53) % 255 - 127);
      rows.set(i, values.data());
    }
    float* out = y[is_plain].data();
    int8_product(rows.view(), 0, kRows, {weights.data(), scale.data(), kShape}, 0, kShape.panels(),
                 {.y = out, .y_stride = kUnits});
  }
  return y[0] == y[1];
}

// Tiles read rows of quads, and are used with them.
Int8Unit choose_unit() {
  if (!has_vnni() || !agrees(Int8Unit::kQuads)) return Int8Unit::kPairs;
  return has_amx_int8() && agrees(Int8Unit::kTiles) ? Int8Unit::kTiles : Int8Unit::kQuads;
}

}  // namespace

bool has_vnni() {
  static const bool has = read_has_vnni();
  return has;
}

const char* int8_unit_name(Int8Unit unit) {
  switch (unit) {
    case Int8Unit::kTiles:
      return "AMX";
    case Int8Unit::kQuads:
      return "VNNI";
    default:
      return "pairs";
  }
}

Int8Unit best_int8_unit() {
  static const Int8Unit unit = choose_unit();
  return unit;
}

}  // namespace gatewise
