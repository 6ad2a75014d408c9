// A key for each expert, compared with a projection of the row: s_e = <x P, k_e> / T or
// cos(x P, k_e) / T (Chi et al. 2022, "On the representation collapse of sparse mixture of
// experts", eq. 5, with a T that is set). The k best are weighed by the softmax over them.
#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "products/gradient_keeper.h"
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

// Shorter vectors have no direction: their cosine is 0.
constexpr float kLeastLength = 1e-12f;

class KeysRouter final : public SoftmaxRouter {
 public:
  explicit KeysRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), Weighing::kNormalized),
        key_dim_(options.integer("router.key_dim")),
        cosine_(options.text("router.similarity") == "cosine"),
        inverse_temperature_(1.0f / static_cast<float>(options.number("router.temperature"))) {
    require(key_dim_ >= 1, "key_dim: expected at least 1, got ", key_dim_);
    require(cosine_ || options.text("router.similarity") == "dot",
            "similarity: expected 'dot' or 'cosine', got ", options.text("router.similarity"));
    require(inverse_temperature_ > 0 && std::isfinite(inverse_temperature_),
            "temperature: expected a number > 0");
  }

  void declare(ParameterBlock& block, Index width) override {
    SoftmaxRouter::declare(block, width);
    projection_ = block.add_matrix("router_projection", "router", width, key_dim_);
    keys_ = block.add_matrix("router_keys", "router", key_dim_, experts_);
  }

 protected:
  // What a pass compares: projections and keys, at unit length where cosines are asked for, the
  // projections divided by T too. Lengths are null for inner products.
  struct Compared {
    float* rows;         // [rows, key_dim] with `stride`
    float* row_lengths;  // [rows]
    float* keys;         // as the parameter lies
    float* key_lengths;  // [experts]
    Index stride;
  };

  bool has_plain_map() const override { return false; }

  ScoreMap score_map(const Input& x, Index rows, const ParameterBlock& block, RouterRun& run,
                     Arena& arena) const override {
    auto* compared = arena.make<Compared>();
    run.own = compared;
    compared->stride = round_up(key_dim_, kPanelWidth);
    compared->rows = arena.take<float>(rows * compared->stride);
    router_product(x, rows, block, projection_, compared->rows, compared->stride, arena);
    compared->row_lengths = cosine_ ? arena.take<float>(rows) : nullptr;
    parallel_for(rows, static_cast<double>(key_dim_ * 2), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) scale_row(*compared, i);
    });
    GroupedWeights keys = grouped_weights(block, keys_, -1);
    if (cosine_) keys.first.data = unit_keys(block, *compared, arena);
    return {{.dense = {compared->rows, compared->stride}, .width = key_dim_}, keys};
  }

  void map_backward(const Input& x, const RouterRun& run, const float* d_logits,
                    const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                    Arena& arena) const override {
    const auto& compared = *static_cast<const Compared*>(run.own);
    const Index rows = run.choice.rows;
    const Groups groups = all_rows(rows, arena);
    GroupedWeights keys = grouped_weights(block, keys_, -1);
    if (cosine_) keys.first.data = compared.keys;
    float* d_projected = arena.take<float>(rows * compared.stride);
    grouped_input_gradient(d_logits, run.stride, groups, keys,
                           {.d_x = d_projected, .stride = compared.stride}, arena);
    parallel_for(rows, static_cast<double>(key_dim_ * 4), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) unscale_row(compared, i, d_projected);
    });
    if (sink) update_keys(compared, run, d_logits, groups, block, *sink, arena);
    router_product_backward(x, rows, d_projected, compared.stride, block, projection_, d_x, sink,
                            arena);
  }

 private:
  void scale_row(const Compared& compared, Index i) const {
    float* row = compared.rows + i * compared.stride;
    float scale = inverse_temperature_;
    if (cosine_) {
      compared.row_lengths[i] = std::max(std::sqrt(dot(row, row, key_dim_)), kLeastLength);
      scale /= compared.row_lengths[i];
    }
    set_scaled(row, scale, row, key_dim_);
  }

  // With u = q / |q|: d_q = (d_u - u (u . d_u)) / (|q| T). Rows hold u / T.
  void unscale_row(const Compared& compared, Index i, float* d_projected) const {
    const float* row = compared.rows + i * compared.stride;
    float* d_row = d_projected + i * compared.stride;
    float scale = inverse_temperature_;
    if (cosine_) {
      const float along = dot(row, d_row, key_dim_) / (inverse_temperature_ * inverse_temperature_);
      add_scaled(row, -along, d_row, key_dim_);
      scale /= compared.row_lengths[i];
    }
    set_scaled(d_row, scale, d_row, key_dim_);
  }

  // Calls do(e, first, step) for the values of each key: `first` from the parameter's beginning,
  // `step` from one to the next.
  template <typename Do>
  void for_each_key(const PanelShape& shape, const Do& visit) const {
    for (Index e = 0; e < experts_; ++e) {
      const Index panel = e / kPanelWidth;
      visit(e, shape.offset(panel) + e % kPanelWidth, shape.stride(panel));
    }
  }

  const float* unit_keys(const ParameterBlock& block, Compared& compared, Arena& arena) const {
    const PanelShape& shape = block.at(keys_).shape;
    const float* stored = block.slice(keys_);
    compared.keys = arena.take_zeroed<float>(shape.floats());
    compared.key_lengths = arena.take<float>(experts_);
    for_each_key(shape, [&](Index e, Index first, Index step) {
      float square = 0;
      for (Index j = 0; j < key_dim_; ++j) {
        const float value = stored[first + j * step];
        square += value * value;
      }
      const float length = std::max(std::sqrt(square), kLeastLength);
      compared.key_lengths[e] = length;
      for (Index j = 0; j < key_dim_; ++j)
        compared.keys[first + j * step] = stored[first + j * step] / length;
    });
    return compared.keys;
  }

  // The gradient by unit keys is kept, turned into that by the keys, and used.
  void update_keys(const Compared& compared, const RouterRun& run, const float* d_logits,
                   const Groups& groups, const ParameterBlock& block, UpdateSink& sink,
                   Arena& arena) const {
    const Input rows{.dense = {compared.rows, compared.stride}, .width = key_dim_};
    if (!cosine_) {
      grouped_weight_gradient(rows, d_logits, run.stride, groups, block, keys_, -1, sink, arena);
      return;
    }
    const PanelShape& shape = block.at(keys_).shape;
    float* d_keys = arena.take_zeroed<float>(shape.floats());
    GradientKeeper keeper;
    keeper.keep(keys_, d_keys);
    grouped_weight_gradient(rows, d_logits, run.stride, groups, block, keys_, -1, keeper, arena);
    for_each_key(shape, [&](Index e, Index first, Index step) {
      float along = 0;
      for (Index j = 0; j < key_dim_; ++j)
        along += compared.keys[first + j * step] * d_keys[first + j * step];
      for (Index j = 0; j < key_dim_; ++j) {
        float& d_key = d_keys[first + j * step];
        d_key = (d_key - compared.keys[first + j * step] * along) / compared.key_lengths[e];
      }
    });
    apply_update(sink.begin(keys_, 0), 0, d_keys, shape.floats());
  }

  Index key_dim_;
  bool cosine_;
  float inverse_temperature_;
  int projection_ = -1;
  int keys_ = -1;
};

const bool registered = Registry<Router>::add<KeysRouter>("keys");

}  // namespace
}  // namespace gatewise
