#include "layers/dictionary/encode_rows.h"

#include <algorithm>

namespace gatewise {
namespace {

// Count of rows encoded at a time, which limits the memory of intermediate values.
constexpr Index kEncodedRows = 4096;

}  // namespace

void CodeArrays::append(const Codes& codes) {
  const Index before = offsets.back();
  for (Index i = 1; i <= codes.rows; ++i) offsets.push_back(before + codes.offsets[i]);
  latents.insert(latents.end(), codes.latents, codes.latents + codes.nonzeros());
  values.insert(values.end(), codes.values, codes.values + codes.nonzeros());
}

CodeArrays encode_rows(const SparseDictionary& dictionary, const Rows& x, Index rows, bool refit) {
  CodeArrays codes;
  IdlePool<SparseDictionary::EncodeWorkspace>::Loan encoding(dictionary.workspaces());
  for (Index row = 0; row < rows; row += kEncodedRows) {
    poll_interrupt();
    encoding->arena.reset();
    const Index count = std::min(kEncodedRows, rows - row);
    encoding->standby.run(
        [&] { codes.append(dictionary.encode(x.from(row), count, refit, encoding->arena)); });
  }
  if (encoding->arena.bytes() > kept_bytes(dictionary.parameters().size())) encoding.drop();
  return codes;
}

}  // namespace gatewise
