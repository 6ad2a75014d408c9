// One key per expert, compared with a projection of the row: s_e = <x P, k_e> / T or cos(x P, k_e)
// / T (Chi et al. 2022, "On the representation collapse of sparse mixture of experts", eq. 5, with
// a fixed T). The weights of the k best are the softmax over them.
#include <algorithm>
#include <cmath>

#include "kernels/reduce.h"
#include "kernels/rows.h"
#include "products/gradient_keeper.h"
#include "routing/softmax_router.h"

namespace gatewise {
namespace {

// Lower bound of norms, so that the cosine of a zero vector is 0.
constexpr float kMinNorm = 1e-12f;

class KeysRouter final : public SoftmaxRouter {
 public:
  explicit KeysRouter(const Options& options)
      : SoftmaxRouter(options, options.integer("router.k"), weighing_by_scores(options)),
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
  // Operands of the scores: keys, and projections divided by T. For cosines both have unit norm;
  // for inner products the norms are null.
  struct Operands {
    float* rows;       // [rows, key_dim] with `stride`
    float* row_norms;  // [rows]
    float* keys;       // laid out like the parameter
    float* key_norms;  // [experts]
    Index stride;
  };

  bool has_plain_map() const override { return false; }

  ScoreMap score_map(const Input& x, Index rows, const ParameterBlock& block, RouterRun& run,
                     Arena& arena) const override {
    auto* operands = arena.make<Operands>();
    run.saved = operands;
    operands->stride = round_up(key_dim_, kPanelWidth);
    operands->rows = arena.take<float>(rows * operands->stride);
    router_product(x, rows, block, projection_, operands->rows, operands->stride, arena);
    operands->row_norms = cosine_ ? arena.take<float>(rows) : nullptr;
    parallel_for(rows, static_cast<double>(key_dim_ * 2), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) scale_row(*operands, i);
    });
    GroupedWeights keys = grouped_weights(block, keys_, -1);
    if (cosine_) keys.first.data = normalize_keys(block, *operands, arena);
    return {{.dense = {operands->rows, operands->stride}, .width = key_dim_}, keys};
  }

  void map_backward(const Input& x, const RouterRun& run, const float* d_logits,
                    const ParameterBlock& block, RowGradient d_x, UpdateSink* sink,
                    Arena& arena) const override {
    const auto& operands = *static_cast<const Operands*>(run.saved);
    const Index rows = run.choice.rows;
    const Groups groups = all_rows(rows, arena);
    GroupedWeights keys = grouped_weights(block, keys_, -1);
    if (cosine_) keys.first.data = operands.keys;
    float* d_projected = arena.take<float>(rows * operands.stride);
    grouped_input_gradient(d_logits, run.stride, groups, keys,
                           {.d_x = d_projected, .stride = operands.stride}, arena);
    parallel_for(rows, static_cast<double>(key_dim_ * 4), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) scale_row_backward(operands, i, d_projected);
    });
    if (sink) update_keys(operands, run, d_logits, groups, block, *sink, arena);
    router_product_backward(x, rows, d_projected, operands.stride, block, projection_, d_x, sink,
                            arena);
  }

 private:
  void scale_row(const Operands& operands, Index i) const {
    float* row = operands.rows + i * operands.stride;
    float scale = inverse_temperature_;
    if (cosine_) {
      operands.row_norms[i] = std::max(std::sqrt(dot(row, row, key_dim_)), kMinNorm);
      scale /= operands.row_norms[i];
    }
    set_scaled(row, scale, row, key_dim_);
  }

  // With u = q / |q|: d_q = (d_u - u (u . d_u)) / (|q| T). Rows hold u / T.
  void scale_row_backward(const Operands& operands, Index i, float* d_projected) const {
    const float* row = operands.rows + i * operands.stride;
    float* d_row = d_projected + i * operands.stride;
    float scale = inverse_temperature_;
    if (cosine_) {
      const float inner_product =
          dot(row, d_row, key_dim_) / (inverse_temperature_ * inverse_temperature_);
      add_scaled(row, -inner_product, d_row, key_dim_);
      scale /= operands.row_norms[i];
    }
    set_scaled(d_row, scale, d_row, key_dim_);
  }

  // Calls visit(e, first, step) for each key: its first value is at index `first` of the parameter,
  // its next ones `step` apart.
  template <typename Do>
  void for_each_key(const PanelShape& shape, const Do& visit) const {
    for (Index e = 0; e < experts_; ++e) {
      const Index panel = e / kPanelWidth;
      visit(e, shape.offset(panel) + e % kPanelWidth, shape.stride(panel));
    }
  }

  const float* normalize_keys(const ParameterBlock& block, Operands& operands, Arena& arena) const {
    const PanelShape& shape = block.at(keys_).shape;
    const float* stored = block.slice(keys_);
    operands.keys = arena.take_zeroed<float>(shape.floats());
    operands.key_norms = arena.take<float>(experts_);
    for_each_key(shape, [&](Index e, Index first, Index step) {
      float square = 0;
      for (Index j = 0; j < key_dim_; ++j) {
        const float value = stored[first + j * step];
        square += value * value;
      }
      const float norm = std::max(std::sqrt(square), kMinNorm);
      operands.key_norms[e] = norm;
      for (Index j = 0; j < key_dim_; ++j)
        operands.keys[first + j * step] = stored[first + j * step] / norm;
    });
    return operands.keys;
  }

  // Computes the gradient of the unit-norm keys, converts it to that of the keys, and applies it.
  void update_keys(const Operands& operands, const RouterRun& run, const float* d_logits,
                   const Groups& groups, const ParameterBlock& block, UpdateSink& sink,
                   Arena& arena) const {
    const Input rows{.dense = {operands.rows, operands.stride}, .width = key_dim_};
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
      float inner_product = 0;
      for (Index j = 0; j < key_dim_; ++j)
        inner_product += operands.keys[first + j * step] * d_keys[first + j * step];
      for (Index j = 0; j < key_dim_; ++j) {
        float& d_key = d_keys[first + j * step];
        d_key = (d_key - operands.keys[first + j * step] * inner_product) / operands.key_norms[e];
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
