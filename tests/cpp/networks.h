// Small networks for training and prediction, and data whose batches activate different experts.
#pragma once

#include "layers/parameter_values.h"
#include "layers/sparse_expert.h"
#include "reference.h"
#include "training/trainer.h"

namespace gatewise::reference {

inline constexpr Index kFeatures = 20, kClasses = 5, kSamples = 256;

inline std::shared_ptr<Layer> make_layer(const std::string& kind, Options options, Index width,
                                         std::uint64_t seed) {
  std::shared_ptr<Layer> layer = Registry<Layer>::create(kind, options);
  layer->build({width});
  layer->set_random_stream(seed, 1);
  RandomGenerator rng(seed);
  ParameterBlock& block = layer->parameters();
  for (int index = 0; index < static_cast<int>(block.all().size()); ++index) {
    const Parameter& parameter = block.at(index);
    if (parameter.role == "state" || parameter.role == "quantization") continue;
    for (Index slice = 0; slice < parameter.count; ++slice)
      write_values(block, parameter, slice,
                   rng.vector(parameter.shape.rows * parameter.shape.cols, -0.4f, 0.4f).data());
  }
  return layer;
}

inline std::shared_ptr<Layer> make_dense(Index width, Index units, const std::string& activation,
                                         std::uint64_t seed,
                                         const std::string& products = "float32") {
  Options options;
  options.set("products", products);
  options.set("units", static_cast<double>(units));
  options.set("activation", activation);
  options.set("use_bias", true);
  return make_layer("dense", options, width, seed);
}

inline std::shared_ptr<Layer> make_experts(Index width, Index units, const std::string& router,
                                           const std::string& expert, std::uint64_t seed,
                                           Storage storage = Storage::kFloat32,
                                           const std::string& products = "float32") {
  Options options;
  options.set("products", products);
  options.set("storage", std::string(storage_name(storage)));
  if (storage == Storage::kInt4) options.set("block_size", 16.0);
  options.set("units", static_cast<double>(units));
  options.set("num_experts", 8.0);
  options.set("shared_experts", expert == "glu" ? 1.0 : 0.0);
  options.set("activation", std::string("linear"));
  options.set("use_bias", true);
  options.set("expert.kind", expert);
  options.set("expert.hidden", 12.0);
  const bool is_linear = router == "output_sum";
  options.set("expert.activation", std::string(is_linear         ? "linear"
                                               : expert == "glu" ? "silu"
                                                                 : "relu"));
  options.set("expert.use_bias", true);
  options.set("expert.filters", 7.0);
  for (const char* size : {"height", "width", "kernel_height", "kernel_width"})
    options.set(std::string("expert.") + size, 2.0);
  options.set("expert.pooling", std::string("mean"));
  options.set("router.kind", router);
  options.set("router.k", 2.0);
  options.set("router.over", std::string("all"));
  options.set("router.combine", std::string("softmax"));
  options.set("router.key_dim", 8.0);
  options.set("router.similarity", std::string("cosine"));
  options.set("router.temperature", 0.3);
  options.set("router.normalize", true);
  options.set("router.shared_bias", false);
  options.set("router.constraint", std::string("simplex"));
  const bool is_sparse_router = router != "all" && router != "static";
  const bool has_losses = is_sparse_router && router != "output_sum";
  options.set("balance.aux_loss", has_losses ? 0.05 : 0.0);
  options.set("balance.z_loss", has_losses ? 0.01 : 0.0);
  options.set("balance.bias", is_sparse_router && router == "sigmoid_top_k" ? 0.01 : 0.0);
  const std::shared_ptr<Layer> layer = make_layer("sparse_expert", options, width, seed);
  layer->notify_write();
  return layer;
}

// Whether the router can choose experts of this kind.
inline bool are_compatible(const std::string& router, const std::string& expert) {
  return router != "output_sum" || expert == "linear";
}

// Dense, experts, Dense with softmax; or without the first Dense, so that the experts can read CSR.
inline std::shared_ptr<Network> make_network(const std::string& router, const std::string& expert,
                                             bool experts_first = false,
                                             const std::string& products = "float32") {
  std::vector<Node> nodes;
  if (experts_first) {
    nodes.push_back(
        {make_experts(kFeatures, 24, router, expert, 2, Storage::kFloat32, products), {0}});
    nodes.push_back({make_dense(24, kClasses, "softmax", 3, products), {1}});
  } else {
    nodes.push_back({make_dense(kFeatures, 24, "relu", 1, products), {0}});
    nodes.push_back({make_experts(24, 24, router, expert, 2, Storage::kFloat32, products), {1}});
    nodes.push_back({make_dense(24, kClasses, "softmax", 3, products), {2}});
  }
  const int last = static_cast<int>(nodes.size());
  return std::make_shared<Network>(1, std::move(nodes), std::vector<int>{last});
}

inline std::unique_ptr<Trainer> make_trainer(std::shared_ptr<Network> network,
                                             std::unique_ptr<Optimizer> optimizer) {
  Options options;
  options.set("from_logits", false);
  Objective objective;
  objective.loss = Loss::create("sparse_categorical_crossentropy", options);
  objective.metrics.push_back(Metric::create("sparse_categorical_accuracy", {}));
  std::vector<Objective> objectives;
  objectives.push_back(std::move(objective));
  return std::make_unique<Trainer>(std::move(network), std::move(objectives), std::move(optimizer));
}

inline std::unique_ptr<Optimizer> adam() { return make_optimizer("adam", 0.01); }

// Samples in four distant clusters of 64 consecutive rows, with labels.
struct Samples {
  Matrix x{kSamples, kFeatures, kFeatures};
  std::unique_ptr<Csr> csr;
  std::vector<std::int32_t> labels;

  Samples() {
    RandomGenerator rng(5);
    csr = std::make_unique<Csr>(kSamples, kFeatures, 0.3, rng);
    for (Index i = 0; i < kSamples; ++i) {
      const Index cluster = i / 64;
      for (Index j = 0; j < kFeatures; ++j)
        x.at(i, j) = rng.uniform() + (j % 4 == cluster ? 3.0f : 0.0f);
      labels.push_back(static_cast<std::int32_t>((cluster + i % 2) % kClasses));
    }
  }

  Dataset dataset(bool is_sparse = false) const {
    Dataset data;
    data.num_samples = kSamples;
    data.rows_per_sample = {1};
    Input input{.width = kFeatures};
    if (is_sparse)
      input.sparse = csr->view();
    else
      input.dense = x.view();
    data.inputs.push_back(input);
    data.targets.push_back({.labels = labels.data(), .units = 1});
    return data;
  }
};

// The parameters of all layers, concatenated.
inline std::vector<float> all_parameters(const Network& network) {
  std::vector<float> values;
  for (const Node& node : network.nodes()) {
    const ParameterBlock& block = node.layer->parameters();
    for (Index i = 0; i < block.size(); ++i) values.push_back(block.data()[i]);
  }
  return values;
}

}  // namespace gatewise::reference
