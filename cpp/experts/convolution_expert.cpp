// y = g W_out + b_out. Each row is a map [height, width, channels]; c = f(conv(x, K) + b) is its
// convolution with stride 1 and zero padding; g [filters] is the mean of c over all positions, or c
// itself, flattened position by position.
#include <algorithm>

#include "experts/expert.h"
#include "experts/map_patches.h"
#include "kernels/rows.h"
#include "products/gradient_keeper.h"
#include "products/thread_scratch.h"

namespace gatewise {
namespace {

// Max floats of the patches that a gradient's products read at a time: 1 MB, half of an L2 cache.
constexpr Index kPatchFloats = Index{1} << 18;

// Max floats of the gradient of patches that exists at a time: 8 MB, enough work for all threads.
constexpr Index kPatchGradientFloats = Index{1} << 21;

// Count of positions whose patches are gathered at a time: a multiple of the tile rows of every
// level.
constexpr Index kBlockPositions = 4 * kRowGrain;

struct Saved {
  float* map = nullptr;             // c, [rows * positions, filters] with `map_stride()`
  float* pre_activation = nullptr;  // like c, if the derivative needs it
  float* pooled = nullptr;          // g, with `pooled_stride()`; c itself without pooling
};

class ConvolutionExpert final : public Expert {
 public:
  explicit ConvolutionExpert(const Options& options)
      : filters_(options.integer("expert.filters")),
        activation_(expert_activation(options)),
        pools_(options.text("expert.pooling") == "mean") {
    map_ = {.height = options.integer("expert.height"),
            .width = options.integer("expert.width"),
            .kernel_height = options.integer("expert.kernel_height"),
            .kernel_width = options.integer("expert.kernel_width")};
    size_product("map_shape", {map_.height, map_.width, filters_});
    require(filters_ >= 1, "filters: expected at least 1, got ", filters_);
    require(map_.height >= 1 && map_.width >= 1, "map_shape: expected sizes of at least 1");
    require(map_.kernel_height >= 1 && map_.kernel_width >= 1,
            "kernel_size: expected sizes of at least 1");
    require(pools_ || options.text("expert.pooling") == "none",
            "pooling: expected 'mean' or 'none', got ", options.text("expert.pooling"));
  }

  void declare(ParameterBlock& block, const std::string& prefix, Index count, Index width,
               Index units, bool output_bias) override {
    require(width % map_.positions() == 0, "map_shape: expected rows of ", map_.height, " x ",
            map_.width, " positions, got rows of ", width, " values");
    map_.channels = width / map_.positions();
    size_product("kernel_size", {map_.kernel_height, map_.kernel_width, map_.channels});
    kernel_ = block.add_expert_matrix(prefix + "kernel_in", count, map_.patch(), filters_);
    bias_ = block.add_expert_vector(prefix + "bias_in", count, filters_);
    kernel_out_ = block.add_expert_matrix(prefix + "kernel_out", count, pooled_width(), units);
    if (output_bias) bias_out_ = block.add_expert_vector(prefix + "bias_out", count, units);
  }

  const void* forward(const Input& x, const Groups& groups, const ParameterBlock& block, float* y,
                      Index y_stride, bool keep, Arena& arena) const override {
    const Index rows = groups.total(), floats = rows * map_.positions() * map_stride();
    auto* saved = arena.make<Saved>();
    saved->map = arena.take<float>(floats);
    if (keep && derivative_needs_input(activation_))
      saved->pre_activation = arena.take<float>(floats);
    const Epilogue epilogue{.activation = activation_,
                            .y = saved->map,
                            .y_stride = map_stride(),
                            .pre_activation = saved->pre_activation};
    convolve(x, groups, block, epilogue, arena);
    saved->pooled = pools_ ? arena.take<float>(rows * pooled_stride()) : saved->map;
    if (pools_) pool(saved->map, rows, saved->pooled, pooled_stride());
    grouped_forward(pooled_rows(*saved), groups, grouped_weights(block, kernel_out_, bias_out_),
                    {.y = y, .y_stride = y_stride}, arena);
    return saved;
  }

  void backward(const Input& x, const Groups& groups, float* d_y, Index d_y_stride,
                const void* memory, const ParameterBlock& block, const InputGradient& d_x,
                UpdateSink* sink, Arena& arena) const override {
    const auto& saved = *static_cast<const Saved*>(memory);
    const Index rows = groups.total(), positions = map_.positions();
    float* d_pooled = arena.take<float>(rows * pooled_stride());
    grouped_input_gradient(d_y, d_y_stride, groups, grouped_weights(block, kernel_out_, -1),
                           {.d_x = d_pooled, .stride = pooled_stride()}, arena);
    float* d_map = pools_ ? arena.take<float>(rows * positions * map_stride()) : d_pooled;
    if (pools_) pool_backward(d_pooled, pooled_stride(), rows, d_map);
    backward_rows(activation_, saved.pre_activation, saved.map, d_map, d_map, rows * positions,
                  filters_, map_stride());
    if (d_x.d_x) input_gradient_by_rows(d_map, groups, block, d_x, arena);
    if (!sink) return;
    grouped_weight_gradient(pooled_rows(saved), d_y, d_y_stride, groups, block, kernel_out_,
                            bias_out_, *sink, arena);
    if (x.is_sparse())
      grouped_weight_gradient(map_patches(x, rows, map_, arena), d_map, map_stride(),
                              map_groups(groups, arena), block, kernel_, bias_, *sink, arena);
    else
      update_kernels(x, groups, d_map, block, *sink, arena);
  }

 private:
  // Without pooling, filter maps have no padding, as the output product reads them flattened.
  Index map_stride() const { return pools_ ? round_up(filters_, kPanelWidth) : filters_; }
  Index pooled_width() const { return pools_ ? filters_ : map_.positions() * filters_; }
  Index pooled_stride() const { return pools_ ? map_stride() : pooled_width(); }
  Input pooled_rows(const Saved& saved) const {
    return {.dense = {saved.pooled, pooled_stride()}, .width = pooled_width()};
  }

  Input patch_rows(const float* patches) const {
    return {.dense = {patches, map_.patch()}, .width = map_.patch()};
  }

  // Patches of a dense map are gathered block by block and multiplied while they are in cache.
  void convolve(const Input& x, const Groups& groups, const ParameterBlock& block,
                const Epilogue& epilogue, Arena& arena) const {
    const GroupedWeights kernel = grouped_weights(block, kernel_, bias_);
    const Index rows = groups.total(), positions = map_.positions(), patch = map_.patch();
    if (x.is_sparse() || kernel.storage != Storage::kFloat32) {
      grouped_forward(map_patches(x, rows, map_, arena), map_groups(groups, arena), kernel,
                      epilogue, arena);
      return;
    }
    Index* group_of = arena.take<Index>(rows);
    for (Index g = 0; g < groups.count; ++g)
      std::fill(group_of + groups.begin(g), group_of + groups.end(g), g);
    const Index size = std::min(positions, kBlockPositions);
    const Index blocks = ceil_divide(positions, size);
    const ThreadScratch scratch(size * patch, arena);
    const auto work = static_cast<double>(size * patch * filters_);
    parallel_for(
        rows * blocks, work,
        [&](Index begin, Index end, int thread) {
          for (Index at = begin; at < end; ++at) {
            const Index row = at / blocks, first = at % blocks * size;
            const Index last = std::min(first + size, positions), start = row * positions + first;
            float* patches = scratch.of(thread);
            gather_patches(x.dense.row(row), map_, first, last, patches);
            Epilogue block_epilogue = epilogue;
            block_epilogue.y += start * block_epilogue.y_stride;
            if (block_epilogue.pre_activation)
              block_epilogue.pre_activation += start * block_epilogue.y_stride;
            multiply(patch_rows(patches), last - first, kernel, group_of[row], block_epilogue);
          }
        },
        scratch.threads());
  }

  // The gradient of the patches is computed for as many rows at a time as fit its memory.
  void input_gradient_by_rows(const float* d_map, const Groups& groups, const ParameterBlock& block,
                              const InputGradient& d_x, Arena& arena) const {
    const Index positions = map_.positions(), patch = map_.patch(), rows = groups.total();
    const Index max_rows =
        std::min(rows, std::max<Index>(kPatchGradientFloats / (positions * patch), 1));
    float* d_patches = arena.take<float>(max_rows * positions * patch);
    Index* offsets = arena.take<Index>(groups.count + 1);
    const Arena::Mark mark = arena.mark();
    for (Index row = 0; row < rows; row += max_rows) {
      const Index count = std::min(max_rows, rows - row);
      for (Index g = 0; g <= groups.count; ++g)
        offsets[g] = std::clamp<Index>(groups.offsets[g] - row, 0, count) * positions;
      grouped_input_gradient(d_map + row * positions * map_stride(), map_stride(),
                             {offsets, groups.count}, grouped_weights(block, kernel_, -1),
                             {.d_x = d_patches, .stride = patch}, arena);
      InputGradient to = d_x;
      if (to.target)
        to.target += row;
      else
        to.d_x += row * to.stride;
      map_patches_backward(d_patches, patch, count, map_, to);
      arena.rewind(mark);
    }
  }

  // The gradient of a group's kernel is accumulated over a few maps at a time, whose patches stay
  // in cache until they are multiplied.
  void update_kernels(const Input& x, const Groups& groups, const float* d_map,
                      const ParameterBlock& block, UpdateSink& sink, Arena& arena) const {
    const Index positions = map_.positions(), floats = positions * map_.patch();
    const Index max_rows = std::max<Index>(kPatchFloats / floats, 1);
    const Index kernel_floats = block.at(kernel_).slice_floats();
    const Index bias_floats = block.at(bias_).slice_floats();
    float* patches = arena.take<float>(std::min(max_rows, groups.total()) * floats);
    float* d_kernel = arena.take<float>(kernel_floats + bias_floats);
    float* d_bias = d_kernel + kernel_floats;
    GradientKeeper keeper;
    keeper.keep(kernel_, d_kernel);
    keeper.keep(bias_, d_bias);
    Index* offsets = arena.take<Index>(groups.count + 1);
    const Arena::Mark mark = arena.mark();
    for (Index g = 0; g < groups.count; ++g) {
      if (groups.rows(g) == 0 && !sink.updates_inactive()) continue;
      std::fill_n(d_kernel, kernel_floats + bias_floats, 0.0f);
      for (Index row = groups.begin(g); row < groups.end(g); row += max_rows) {
        const Index count = std::min(max_rows, groups.end(g) - row);
        parallel_for(count, static_cast<double>(floats), [&](Index begin, Index end) {
          for (Index i = begin; i < end; ++i)
            gather_patches(x.dense.row(row + i), map_, 0, positions, patches + i * floats);
        });
        for (Index other = 0; other <= groups.count; ++other)
          offsets[other] = other <= g ? 0 : count * positions;
        grouped_weight_gradient(patch_rows(patches), d_map + row * positions * map_stride(),
                                map_stride(), {offsets, groups.count}, block, kernel_, bias_,
                                keeper, arena);
        arena.rewind(mark);
      }
      apply_update(sink.begin(kernel_, g), 0, d_kernel, kernel_floats);
      apply_update(sink.begin(bias_, g), 0, d_bias, bias_floats);
    }
  }

  // The positions of each group's rows, as groups.
  Groups map_groups(const Groups& groups, Arena& arena) const {
    Index* offsets = arena.take<Index>(groups.count + 1);
    for (Index g = 0; g <= groups.count; ++g) offsets[g] = groups.offsets[g] * map_.positions();
    return {offsets, groups.count};
  }

  void pool(const float* map, Index rows, float* pooled, Index stride) const {
    const Index positions = map_.positions();
    const float share = 1.0f / static_cast<float>(positions);
    parallel_for(rows, static_cast<double>(positions * filters_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        float* to = pooled + i * stride;
        std::fill_n(to, filters_, 0.0f);
        for (Index at = 0; at < positions; ++at)
          add_scaled(map + (i * positions + at) * map_stride(), share, to, filters_);
      }
    });
  }

  void pool_backward(const float* d_pooled, Index stride, Index rows, float* d_map) const {
    const Index positions = map_.positions();
    const float share = 1.0f / static_cast<float>(positions);
    parallel_for(rows, static_cast<double>(positions * filters_), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index at = 0; at < positions; ++at)
          set_scaled(d_pooled + i * stride, share, d_map + (i * positions + at) * map_stride(),
                     filters_);
    });
  }

  Index filters_;
  Activation activation_;
  bool pools_;
  MapShape map_;
  int kernel_ = -1, bias_ = -1, kernel_out_ = -1, bias_out_ = -1;
};

const bool registered = Registry<Expert>::add<ConvolutionExpert>("convolution");

}  // namespace
}  // namespace gatewise
