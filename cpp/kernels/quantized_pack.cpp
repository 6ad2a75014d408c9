#include "kernels/quantized_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/bfloat16.h"
#include "kernels/vector.h"

namespace gatewise {
namespace {

// Calls body(stored value, row, column) for every value of a matrix.
template <typename Value, typename Body>
void for_each_value(Value* stored, const StoredShape& shape, const Body& body) {
  constexpr bool is_int8 = sizeof(Value) == 1;
  const PanelShape size = shape.size;
  if (shape.layout == Layout::kRows) {
    const Index stride = round_up(size.cols, kPanelWidth);
    for (Index i = 0; i < size.rows; ++i)
      for (Index j = 0; j < size.cols; ++j) body(stored[i * stride + j], i, j);
    return;
  }
  const Index panel_stride =
      is_int8 ? Int8Panels::panel_values(size) : Bfloat16Panels::panel_values(size);
  for (Index p = 0; p < size.panels(); ++p) {
    Value* panel = stored + p * panel_stride;
    for (Index i = 0; i < size.rows; ++i)
      for (Index j = 0; j < size.width(p); ++j)
        body(panel[is_int8 ? Int8Panels::value_offset(i, j) : Bfloat16Panels::value_offset(i, j)],
             i, p * kPanelWidth + j);
  }
}

// Index of the scale of a value.
Index scale_index(const StoredShape& shape, Index row, Index column) {
  return shape.layout == Layout::kRows ? row : column;
}

Index floats_of(Storage storage, const StoredShape& shape) {
  return shape.layout == Layout::kRows ? shape.size.rows * row_floats(storage, shape.size.cols)
                                       : panel_floats(storage, shape.size);
}

// Sets a whole matrix, padding too, to zero weights.
void clear(std::uint16_t* stored, const StoredShape& shape) {
  std::fill_n(stored, 2 * floats_of(Storage::kBfloat16, shape), std::uint16_t{0});
}
void clear(std::uint8_t* stored, const StoredShape& shape) {
  std::fill_n(stored, 4 * floats_of(Storage::kInt8, shape), Int8Panels::store(0));
}

// Packs a row-major matrix; convert(value, index of its scale) is what is stored.
template <typename Source, typename Value, typename Convert>
void pack(const Source* source, const StoredShape& shape, Value* stored, const Convert& convert) {
  clear(stored, shape);
  for_each_value(stored, shape, [&](Value& value, Index i, Index j) {
    value = convert(source[i * shape.size.cols + j], scale_index(shape, i, j));
  });
}

// The inverse.
template <typename Value, typename Target, typename Convert>
void unpack(const Value* stored, const StoredShape& shape, Target* target, const Convert& convert) {
  for_each_value(stored, shape, [&](Value value, Index i, Index j) {
    target[i * shape.size.cols + j] = convert(value, scale_index(shape, i, j));
  });
}

}  // namespace

void quantize_bfloat16(const float* source, const StoredShape& shape, std::uint16_t* stored) {
  pack(source, shape, stored, [](float value, Index) { return to_bfloat16(value); });
}

void quantize_int8(const float* source, const StoredShape& shape, std::uint8_t* stored,
                   float* scale) {
  const auto [rows, cols] = shape.size;
  const Index scales = shape.layout == Layout::kRows ? rows : cols;
  std::fill_n(scale, scales, 0.0f);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) {
      float& largest = scale[scale_index(shape, i, j)];
      largest = std::max(largest, std::fabs(source[i * cols + j]));
    }
  for (Index at = 0; at < scales; ++at) {
    scale[at] /= 127.0f;
    if (scale[at] < std::numeric_limits<float>::min()) scale[at] = 0;
  }
  pack(source, shape, stored, [&](float value, Index at) {
    const float whole = scale[at] > 0 ? std::nearbyint(value / scale[at]) : 0.0f;
    return Int8Panels::store(static_cast<std::int8_t>(whole));
  });
}

namespace {

constexpr int kZeroCode = 8;
constexpr std::uint8_t kTwoZeroCodes = 0x88;

int code_at(const std::uint8_t* panels, PanelShape shape, Index i, Index j) {
  const std::uint8_t* panel = panels + j / kPanelWidth * Int4Panels::panel_bytes(shape);
  return panel[Int4Panels::byte_offset(i, j % kPanelWidth)] >> Int4Panels::shift(i) & 15;
}

// Writes a code over a zero one.
void set_code(std::uint8_t* panels, PanelShape shape, Index i, Index j, int code) {
  std::uint8_t* panel = panels + j / kPanelWidth * Int4Panels::panel_bytes(shape);
  std::uint8_t& both = panel[Int4Panels::byte_offset(i, j % kPanelWidth)];
  both = static_cast<std::uint8_t>(both ^ ((kZeroCode ^ code) << Int4Panels::shift(i)));
}

void clear_codes(std::uint8_t* panels, PanelShape shape) {
  std::fill_n(panels, 4 * panel_floats(Storage::kInt4, shape), kTwoZeroCodes);
}

// Nearest codes of 16 values.
Vector nearest_codes(const Vector& values, const Vector& steps) {
  return min(max(round(values / steps), Vector::set(-8)), Vector::set(7));
}

// 16 columns of a block of rows, one in each lane. No operation joins two roundings or two lanes,
// so that all levels give the same codes.
struct BlockColumns {
  const float* values;
  Index stride, rows, width;

  Vector row(Index i) const { return Vector::load_up_to(values + i * stride, width); }
  Vector largest() const {
    Vector result = Vector::zero();
    for (Index i = 0; i < rows; ++i) result = max(result, abs(row(i)));
    return result;
  }
  Vector errors(const Vector& steps) const {
    Vector sums = Vector::zero();
    for (Index i = 0; i < rows; ++i) {
      const Vector off = row(i) - nearest_codes(row(i), steps) * steps;
      sums = sums + off * off;
    }
    return sums;
  }
  // The scales of the block: also those with which the largest values are beyond the last code,
  // down to half of the one with which none is.
  Vector best_scales(const Vector& column_scales) const {
    const Vector needed = largest() / column_scales * Vector::set(1.0f / 7);
    Vector best = Vector::set(kMaxBlockScale), least = errors(best * column_scales);
    for (int scale = kMaxBlockScale - 1; scale >= 1; --scale) {
      const Vector scales = Vector::set(static_cast<float>(scale));
      const Vector sums = errors(scales * column_scales);
      const Vector worst = Vector::set(std::numeric_limits<float>::infinity());
      const Vector allowed = select_greater(needed * Vector::set(0.5f), scales, worst, sums);
      best = select_greater(least, allowed, scales, best);
      least = min(least, allowed);
    }
    return best;
  }
};

}  // namespace

void quantize_int4(const float* source, PanelShape shape, const Int4Target& to) {
  const auto [rows, cols] = shape;
  clear_codes(to.data, shape);
  for (Index p = 0; p < shape.panels(); ++p) {
    const Index first = p * kPanelWidth, width = shape.width(p);
    const Vector largest = BlockColumns{source + first, cols, rows, width}.largest();
    alignas(64) float scales[kPanelWidth];
    (largest / Vector::set(7.0f * kMaxBlockScale)).store(scales);
    for (float& scale : scales)
      if (scale < std::numeric_limits<float>::min()) scale = 0;
    std::copy_n(scales, width, to.scale + first);
    for (float& scale : scales)
      if (scale == 0) scale = 1;  // all codes are 0
    for (Index begin = 0; begin < rows; begin += to.block_rows) {
      const BlockColumns block{source + begin * cols + first, cols,
                               std::min(to.block_rows, rows - begin), width};
      const Vector block_scales = block.best_scales(Vector::load(scales));
      alignas(64) float lanes[kPanelWidth];
      block_scales.store(lanes);
      for (Index j = 0; j < width; ++j)
        to.block_scale[begin / to.block_rows * cols + first + j] =
            static_cast<std::uint8_t>(lanes[j]);
      const Vector steps = block_scales * Vector::load(scales);
      for (Index i = 0; i < block.rows; ++i) {
        nearest_codes(block.row(i), steps).store(lanes);
        for (Index j = 0; j < width; ++j)
          if (to.scale[first + j] > 0)
            set_code(to.data, shape, begin + i, first + j, static_cast<int>(lanes[j]) + kZeroCode);
      }
    }
  }
}

void dequantize_int4(const Int4Panels& w, float* target) {
  const auto [rows, cols] = w.shape;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) {
      const int whole =
          (code_at(w.data, w.shape, i, j) - kZeroCode) * w.block_scale[i / w.block_rows * cols + j];
      target[i * cols + j] = static_cast<float>(whole) * w.scale[j];
    }
}

void pack_int4(const std::uint8_t* source, PanelShape shape, std::uint8_t* panels) {
  clear_codes(panels, shape);
  for (Index i = 0; i < shape.rows; ++i)
    for (Index j = 0; j < shape.cols; ++j)
      set_code(panels, shape, i, j, source[i / 2 * shape.cols + j] >> 4 * (i % 2) & 15);
}

void unpack_int4_codes(const std::uint8_t* panels, PanelShape shape, std::uint8_t* target) {
  for (Index i = 0; i < shape.rows; i += 2)
    for (Index j = 0; j < shape.cols; ++j) {
      const int upper = i + 1 < shape.rows ? code_at(panels, shape, i + 1, j) : kZeroCode;
      target[i / 2 * shape.cols + j] =
          static_cast<std::uint8_t>(code_at(panels, shape, i, j) | upper << 4);
    }
}

void dequantize_bfloat16(const std::uint16_t* stored, const StoredShape& shape, float* target) {
  unpack(stored, shape, target, [](std::uint16_t value, Index) { return from_bfloat16(value); });
}

void dequantize_int8(const std::uint8_t* stored, const float* scale, const StoredShape& shape,
                     float* target) {
  unpack(stored, shape, target, [&](std::uint8_t value, Index at) {
    return static_cast<float>(Int8Panels::load(value)) * scale[at];
  });
}

void pack_bfloat16(const std::uint16_t* source, const StoredShape& shape, std::uint16_t* stored) {
  pack(source, shape, stored, [](std::uint16_t value, Index) { return value; });
}
void pack_int8(const std::int8_t* source, const StoredShape& shape, std::uint8_t* stored) {
  pack(source, shape, stored, [](std::int8_t value, Index) { return Int8Panels::store(value); });
}
void unpack_bfloat16(const std::uint16_t* stored, const StoredShape& shape, std::uint16_t* target) {
  unpack(stored, shape, target, [](std::uint16_t value, Index) { return value; });
}
void unpack_int8(const std::uint8_t* stored, const StoredShape& shape, std::int8_t* target) {
  unpack(stored, shape, target, [](std::uint8_t value, Index) { return Int8Panels::load(value); });
}

}  // namespace gatewise
