#include "kernels/int8_unit.h"

#include <array>

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
    corrections_[i] = store_int8_row(values, kDepth, unit_, bytes_.data() + i * kStride);
  }
  Int8Rows view() const {
    return {unit_, bytes_.data(), kStride, corrections_.data(), scales_.data(), nullptr};
  }

 private:
  static constexpr Index kStride = 2 * round_up(kDepth, 4);

  Int8Unit unit_;
  alignas(8) std::array<std::byte, kRows * kStride> bytes_;
  std::array<std::int32_t, kRows> corrections_;
  std::array<float, kRows> scales_;
};

// True if quads give the sums of pairs for rows and weights that include all extremes.
bool quads_agree() {
  constexpr Index kRows = 9, kDepth = 70, kUnits = 40;
  constexpr PanelShape kShape{kDepth, kUnits};
  std::array<std::uint8_t, 3 * 72 * kPanelWidth> weights;
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<std::uint8_t>(i * 89 % 256);
  std::array<float, kUnits> scale;
  scale.fill(1);
  std::array<float, kRows * kUnits> y[2];
  for (const Int8Unit unit : {Int8Unit::kPairs, Int8Unit::kQuads}) {
    Int8RowsOf<kRows, kDepth> rows(unit);
    for (Index i = 0; i < kRows; ++i) {
      std::array<std::int8_t, kDepth> values;
      for (Index k = 0; k < kDepth; ++k)
        values[k] = static_cast<std::int8_t>((i * 37 + k * 53) % 255 - 127);
      rows.set(i, values.data());
    }
    float* out = y[unit == Int8Unit::kQuads].data();
    int8_product(rows.view(), 0, kRows, {weights.data(), scale.data(), kShape}, 0, kShape.panels(),
                 {.y = out, .y_stride = kUnits});
  }
  return y[0] == y[1];
}

}  // namespace

bool has_vnni() {
  static const bool has = read_has_vnni();
  return has;
}

const char* int8_unit_name(Int8Unit unit) { return unit == Int8Unit::kQuads ? "VNNI" : "pairs"; }

Int8Unit best_int8_unit() {
  static const Int8Unit unit = has_vnni() && quads_agree() ? Int8Unit::kQuads : Int8Unit::kPairs;
  return unit;
}

}  // namespace gatewise
