#include "layers/parameter_values.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

#include "kernels/bfloat16_copy.h"
#include "kernels/finite.h"
#include "kernels/pack.h"
#include "kernels/quantized_pack.h"
#include "layers/sparse_pack.h"

namespace gatewise {
namespace {

template <typename Value>
Value* slice_of(ParameterBlock& block, const Parameter& parameter, Index slice) {
  return reinterpret_cast<Value*>(block.data() + parameter.slice_offset(slice));
}
template <typename Value>
const Value* slice_of(const ParameterBlock& block, const Parameter& parameter, Index slice) {
  return reinterpret_cast<const Value*>(block.data() + parameter.slice_offset(slice));
}

template <typename Value, typename IsZero>
Index count_in_slices(const ParameterBlock& block, const Parameter& parameter,
                      const IsZero& is_zero) {
  const auto* values = slice_of<Value>(block, parameter, 0);
  const Index size = parameter.count * parameter.slice_floats() *
                     static_cast<Index>(sizeof(float) / sizeof(Value));
  return size - std::count_if(values, values + size, is_zero);
}

// Bytes of a slice of an integer parameter.
std::size_t slice_bytes(const Parameter& parameter) {
  return static_cast<std::size_t>(slice_values(parameter) * integer_bytes(parameter.storage));
}

Int4Panels int4_panels(const ParameterBlock& block, const Parameter& parameter, Index slice) {
  return {slice_of<std::uint8_t>(block, parameter, slice),
          slice_of<std::uint8_t>(block, block.at(parameter.block_scale), slice),
          block.slice(parameter.scale, slice), parameter.shape, parameter.block_rows};
}

}  // namespace

void read_values(const ParameterBlock& block, const Parameter& parameter, Index slice, float* to) {
  const StoredShape shape{parameter.shape, parameter.layout};
  switch (parameter.storage) {
    case Storage::kBfloat16:
      dequantize_bfloat16(slice_of<std::uint16_t>(block, parameter, slice), shape, to);
      return;
    case Storage::kInt8:
      dequantize_int8(slice_of<std::uint8_t>(block, parameter, slice),
                      block.slice(parameter.scale, slice), shape, to);
      return;
    case Storage::kInt4:
      dequantize_int4(int4_panels(block, parameter, slice), to);
      return;
    case Storage::kSparse:
      with_sparse_weights(block, parameter, [&](const auto& w) { unpack_sparse(w, to); });
      return;
    default:
      assert(!parameter.holds_integers());
      read_stored(block, parameter, slice, to);
  }
}

void write_values(ParameterBlock& block, const Parameter& parameter, Index slice,
                  const float* from) {
  const StoredShape shape{parameter.shape, parameter.layout};
  switch (parameter.storage) {
    case Storage::kBfloat16:
      quantize_bfloat16(from, shape, slice_of<std::uint16_t>(block, parameter, slice));
      return;
    case Storage::kInt8:
      quantize_int8(from, shape, slice_of<std::uint8_t>(block, parameter, slice),
                    block.slice(parameter.scale, slice));
      return;
    case Storage::kInt4: {
      const Parameter& scales = block.at(parameter.block_scale);
      quantize_int4(from, parameter.shape,
                    {slice_of<std::uint8_t>(block, parameter, slice),
                     slice_of<std::uint8_t>(block, scales, slice),
                     block.slice(parameter.scale, slice), parameter.block_rows});
      return;
    }
    default:
      assert(parameter.storage == Storage::kFloat32);
      write_stored(block, parameter, slice, from);
  }
}

void read_packed(const Parameter& parameter, const float* from, float* to) {
  const PanelShape shape = parameter.shape;
  if (parameter.layout == Layout::kPanels) return unpack_panels(from, shape, to);
  for (Index i = 0; i < shape.rows; ++i)
    std::copy_n(from + i * parameter.row_floats(), shape.cols, to + i * shape.cols);
}

void read_stored(const ParameterBlock& block, const Parameter& parameter, Index slice, void* to) {
  const StoredShape shape{parameter.shape, parameter.layout};
  switch (parameter.storage) {
    case Storage::kBfloat16:
      unpack_bfloat16(slice_of<std::uint16_t>(block, parameter, slice), shape,
                      static_cast<std::uint16_t*>(to));
      return;
    case Storage::kInt8:
      unpack_int8(slice_of<std::uint8_t>(block, parameter, slice), shape,
                  static_cast<std::int8_t*>(to));
      return;
    case Storage::kInt4:
      unpack_int4_codes(slice_of<std::uint8_t>(block, parameter, slice), parameter.shape,
                        static_cast<std::uint8_t*>(to));
      return;
    case Storage::kUint8:
    case Storage::kUint16:
    case Storage::kInt32:
      std::copy_n(slice_of<char>(block, parameter, slice), slice_bytes(parameter),
                  static_cast<char*>(to));
      return;
    default:
      assert(parameter.storage == Storage::kFloat32);
  }
  read_packed(parameter, slice_of<float>(block, parameter, slice), static_cast<float*>(to));
}

void write_stored(ParameterBlock& block, const Parameter& parameter, Index slice,
                  const void* from) {
  const StoredShape shape{parameter.shape, parameter.layout};
  switch (parameter.storage) {
    case Storage::kBfloat16:
      pack_bfloat16(static_cast<const std::uint16_t*>(from), shape,
                    slice_of<std::uint16_t>(block, parameter, slice));
      return;
    case Storage::kInt8:
      pack_int8(static_cast<const std::int8_t*>(from), shape,
                slice_of<std::uint8_t>(block, parameter, slice));
      return;
    case Storage::kInt4:
      pack_int4(static_cast<const std::uint8_t*>(from), parameter.shape,
                slice_of<std::uint8_t>(block, parameter, slice));
      return;
    case Storage::kUint8:
    case Storage::kUint16:
    case Storage::kInt32:
      std::copy_n(static_cast<const char*>(from), slice_bytes(parameter),
                  slice_of<char>(block, parameter, slice));
      return;
    default:
      assert(parameter.storage == Storage::kFloat32);
  }
  float* to = slice_of<float>(block, parameter, slice);
  const auto* values = static_cast<const float*>(from);
  const auto [rows, cols] = parameter.shape;
  if (parameter.layout == Layout::kPanels) {
    pack_panels(values, parameter.shape, to);
    if (std::uint16_t* copy = block.copy(parameter, slice))
      round_to_copy(to, parameter.shape, 0, parameter.slice_floats(), copy);
    return;
  }
  for (Index i = 0; i < rows; ++i)
    std::copy_n(values + i * cols, cols, to + i * parameter.row_floats());
}

namespace {

// Bytes of one value in its stored type; of int4, of two codes.
Index stored_bytes(Storage storage) {
  switch (storage) {
    case Storage::kInt8:
    case Storage::kInt4:
    case Storage::kUint8:
      return 1;
    case Storage::kBfloat16:
    case Storage::kUint16:
      return 2;
    default:
      return 4;
  }
}

Index stored_slice_bytes(const Parameter& parameter) {
  return stored_rows(parameter) * parameter.shape.cols * stored_bytes(parameter.storage);
}

}  // namespace

void read_values(const ParameterBlock& block, const Parameter& parameter, float* to) {
  for (Index slice = 0; slice < parameter.count; ++slice)
    read_values(block, parameter, slice, to + slice * slice_values(parameter));
}

void read_stored(const ParameterBlock& block, const Parameter& parameter, void* to) {
  const Index bytes = stored_slice_bytes(parameter);
  for (Index slice = 0; slice < parameter.count; ++slice)
    read_stored(block, parameter, slice, static_cast<char*>(to) + slice * bytes);
}

void set_values(Layer& layer, const Parameter& parameter, const float* from) {
  require(parameter.storage != Storage::kSparse && parameter.role != "nonzeros" &&
              !parameter.holds_integers(),
          parameter.name, ": expected a parameter that is set by itself, got one of a ",
          parameter.role == "quantization" ? "quantized" : "sparse", " kernel");
  require(!parameter.is_quantized() || find_nonfinite(from, parameter.values()) < 0, parameter.name,
          ": expected finite numbers to round to ", storage_name(parameter.storage));
  const InterruptShield shield;
  const auto lock = layer.access().lock_for_write();
  for (Index slice = 0; slice < parameter.count; ++slice)
    write_values(layer.parameters(), parameter, slice, from + slice * slice_values(parameter));
  layer.notify_write();
}

void set_stored(Layer& layer, const StoredValues& values) {
  const InterruptShield shield;
  const auto lock = layer.access().lock_for_write();
  for (const auto& [name, from] : values) {
    const Parameter& parameter = layer.parameters().find(name);
    const Index bytes = stored_slice_bytes(parameter);
    for (Index slice = 0; slice < parameter.count; ++slice)
      write_stored(layer.parameters(), parameter, slice,
                   static_cast<const char*>(from) + slice * bytes);
  }
  layer.notify_write();
}

// Padding is zero in every storage type.
Index count_nonzero(const ParameterBlock& block, const Parameter& parameter) {
  switch (parameter.storage) {
    case Storage::kBfloat16:
      return count_in_slices<std::uint16_t>(
          block, parameter, [](std::uint16_t value) { return (value & 0x7fffu) == 0; });
    case Storage::kInt8:
      return count_in_slices<std::uint8_t>(
          block, parameter, [](std::uint8_t value) { return Int8Panels::load(value) == 0; });
    case Storage::kInt4: {
      // Of two codes in a byte, 0 to 2 are zero.
      const auto* bytes = slice_of<std::uint8_t>(block, parameter, 0);
      const Index size = parameter.count * parameter.slice_floats() * 4;
      return std::accumulate(bytes, bytes + size, Index{0}, [](Index sum, std::uint8_t both) {
        return sum + ((both & 15) != 8) + (both >> 4 != 8);
      });
    }
    case Storage::kSparse:
      return with_sparse_weights(block, parameter, [](const auto& w) { return num_nonzeros(w); });
    default:
      assert(parameter.storage == Storage::kFloat32);
  }
  return count_in_slices<float>(block, parameter, [](float value) { return value == 0; });
}

}  // namespace gatewise
