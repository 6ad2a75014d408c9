// Storage types of a matrix.
//
// Training needs float32. For prediction a matrix may hold bfloat16 (the upper half of a float32,
// rounded to nearest even), int8 (integers from -127 to 127 with a scale per column, or per row of
// a matrix that is read by rows) or int4 (codes from -8 to 7; the scale of a block of rows is an
// integer times that of its column), or be sparse: it then holds no values, and its nonzeros are
// separate parameters, values in float32, indices of inputs and units in uint16 or int32
// (core/sparse_weights.h).
#pragma once

#include <string>

#include "core/errors.h"
#include "core/types.h"

namespace gatewise {

enum class Storage { kFloat32, kBfloat16, kInt8, kInt4, kUint8, kUint16, kInt32, kSparse };

// The storage types that kernels of products may have.
inline Storage storage_from_name(const std::string& name) {
  if (name == "float32") return Storage::kFloat32;
  if (name == "bfloat16") return Storage::kBfloat16;
  if (name == "int8") return Storage::kInt8;
  if (name == "int4") return Storage::kInt4;
  fail("storage: expected one of float32, bfloat16, int8, int4, got ", name);
}

inline const char* storage_name(Storage storage) {
  switch (storage) {
    case Storage::kBfloat16:
      return "bfloat16";
    case Storage::kInt8:
      return "int8";
    case Storage::kInt4:
      return "int4";
    case Storage::kUint8:
      return "uint8";
    case Storage::kUint16:
      return "uint16";
    case Storage::kInt32:
      return "int32";
    case Storage::kSparse:
      return "sparse";
    case Storage::kFloat32:
      break;
  }
  return "float32";
}

// Bytes of one of the integers of a parameter that holds them: indices of a sparse matrix, scales
// of blocks.
inline Index integer_bytes(Storage storage) {
  if (storage == Storage::kUint8) return 1;
  return storage == Storage::kUint16 ? 2 : 4;
}

// The largest scale of a block of int4 codes; products with codes from -8 to 7 fit int8.
inline constexpr int kMaxBlockScale = 15;

// True if products with x rounded to int8 are sums of integers.
inline bool has_integer_products(Storage storage) {
  return storage == Storage::kInt8 || storage == Storage::kInt4;
}

// Sums of int8 products are 32 bits wide: 127 * 128 * depth must stay below 2^31. A file that
// another program wrote may contain -128.
inline constexpr Index kMaxInt8Depth = ((Index{1} << 31) - 1) / (127 * 128);

}  // namespace gatewise
