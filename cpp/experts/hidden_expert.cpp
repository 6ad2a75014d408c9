#include "experts/hidden_expert.h"

namespace gatewise {

HiddenArrays HiddenArrays::in(float* memory, int count, Index floats, Index stride) {
  HiddenArrays arrays;
  arrays.stride = stride;
  for (int i = 0; i < count; ++i) arrays.data[i] = memory + i * floats;
  return arrays;
}

HiddenArrays HiddenArrays::from(Index row) const {
  HiddenArrays rest = *this;
  for (float*& array : rest.data)
    if (array) array += row * stride;
  return rest;
}

void HiddenExpert::declare_output(ParameterBlock& block, const std::string& prefix, Index count,
                                  Index units, bool output_bias) {
  kernel_out_ = block.add_expert_matrix(prefix + "kernel_out", count, hidden_, units);
  if (output_bias) bias_out_ = block.add_expert_vector(prefix + "bias_out", count, units);
}

const void* HiddenExpert::forward(const Input& x, const Groups& groups, const ParameterBlock& block,
                                  float* y, Index y_stride, bool keep, Arena& arena) const {
  const GroupedWeights out = grouped_weights(block, kernel_out_, bias_out_);
  const bool is_quantized = out.storage != Storage::kFloat32;
  const bool by_blocks = !(is_quantized && x.is_sparse()) && works_by_row_blocks(groups);
  const int count = num_arrays(keep);
  const Index width = stride();
  auto* arrays = arena.make<HiddenArrays>();
  if (keep || !by_blocks) {
    const Index floats = groups.total() * width;
    *arrays = HiddenArrays::in(arena.take<float>(count * floats), count, floats, width);
  }
  if (!by_blocks) {
    const ProductRows rows(groups, arena);
    compute_hidden(x, rows, block, *arrays);
    rows.multiply(hidden_rows(*arrays), out, {.y = y, .y_stride = y_stride});
    return arrays;
  }
  const Index widest = std::max(width, x.width), max_rows = block_rows(widest);
  const Index hidden_floats = keep ? 0 : count * max_rows * width;
  const bool rounds = has_integer_products(out.storage);
  const Index rounded_floats = rounds ? RoundedRows::floats(max_rows, widest) : 0;
  const ThreadScratch scratch(hidden_floats + rounded_floats, arena);
  const double operations = static_cast<double>(count * hidden_ * (x.width + out.first.shape.cols));
  for_row_blocks(
      groups, max_rows, operations, scratch, [&](Index g, Index row, Index row_end, int thread) {
        const HiddenArrays part =
            keep ? arrays->from(row)
                 : HiddenArrays::in(scratch.of(thread), count, max_rows * width, width);
        RoundedRows rounded(scratch.of(thread) + hidden_floats, max_rows, widest);
        const ProductRows rows(g, row_end - row, rounds ? &rounded : nullptr);
        compute_hidden(x.from(row), rows, block, part);
        poll_interrupt();  // a block of a large expert takes long
        rows.multiply(hidden_rows(part), out, {.y = y + row * y_stride, .y_stride = y_stride});
      });
  return arrays;
}

}  // namespace gatewise
