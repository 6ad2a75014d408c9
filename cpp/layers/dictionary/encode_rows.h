// Codes of any number of rows, which a dictionary encodes block by block.
#pragma once

#include <vector>

#include "layers/dictionary/sparse_dictionary.h"

namespace gatewise {

// CSR codes that own their arrays, as `Codes` describes them.
struct CodeArrays {
  std::vector<Index> offsets{0};
  std::vector<std::int32_t> latents;
  std::vector<float> values;

  void append(const Codes& codes);
};

// See `SparseDictionary::encode`. Polls for interrupts between blocks.
CodeArrays encode_rows(const SparseDictionary& dictionary, const Rows& x, Index rows, bool refit);

}  // namespace gatewise
