#include "experts/hidden_expert.h"

namespace gatewise {

void HiddenExpert::declare_output(ParameterBlock& block, const std::string& prefix, Index count,
                                  Index units, bool output_bias) {
  kernel_out_ = block.add_expert_matrix(prefix + "kernel_out", count, hidden_, units);
  if (output_bias) bias_out_ = block.add_expert_vector(prefix + "bias_out", count, units);
}

ExpertRun HiddenExpert::forward(const Input& x, const Groups& groups, const ParameterBlock& block,
                                float* y, Index y_stride, bool keep, Arena& arena) const {
  const GroupedWeights out = grouped_weights(block, kernel_out_, bias_out_);
  const bool by_blocks = out.storage == Storage::kFloat32 && works_by_row_blocks(groups);
  const Index arrays = num_arrays(keep), width = stride();
  ExpertRun run;
  if (keep || !by_blocks) {
    const Index floats = groups.total() * width;
    run = partition_memory(arena.take<float>(arrays * floats), floats, keep);
  }
  run.stride = width;
  if (!by_blocks) {
    const ProductRows rows(groups, arena);
    compute_hidden(x, rows, block, run);
    rows.multiply(hidden_rows(run), out, {.y = y, .y_stride = y_stride});
    return run;
  }
  const Index max_rows = block_rows(std::max(width, x.width));
  const ThreadScratch scratch(keep ? 0 : arrays * max_rows * width, arena);
  const double operations =
      static_cast<double>(arrays * hidden_ * (x.width + out.first.shape.cols));
  for_row_blocks(
      groups, max_rows, operations, scratch, [&](Index g, Index row, Index row_end, int thread) {
        ExpertRun part =
            keep ? run.from(row) : partition_memory(scratch.of(thread), max_rows * width, keep);
        part.stride = width;
        const ProductRows rows(g, row_end - row);
        compute_hidden(x.from(row), rows, block, part);
        rows.multiply(hidden_rows(part), out, {.y = y + row * y_stride, .y_stride = y_stride});
      });
  return run;
}

}  // namespace gatewise
