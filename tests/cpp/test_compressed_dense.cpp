// The layer with a compressed kernel.
#include "networks.h"
#include "sparse_kernels.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kUnits = 24;

std::shared_ptr<Layer> make_compressed(const Matrix& w, SparseForm form) {
  const SparseKernel kernel(w, form);
  Options options;
  options.set("units", static_cast<double>(w.cols));
  options.set("num_steps", static_cast<double>(kernel.arrays.steps()));
  options.set("form", form_name(form));
  options.set("activation", std::string("relu"));
  options.set("use_bias", true);
  std::shared_ptr<Layer> layer = Registry<Layer>::create("compressed_dense", options);
  layer->build({w.rows});
  ParameterBlock& block = layer->parameters();
  for (std::size_t i = 1; i < kernel.block.all().size(); ++i) {
    const Parameter& parameter = kernel.block.at(static_cast<int>(i));
    const float* from = kernel.block.slice(static_cast<int>(i));
    std::copy_n(from, parameter.slice_floats(), block.slice(static_cast<int>(i)));
  }
  return layer;
}

// A layer with a sparse kernel, then a Dense layer with softmax.
std::shared_ptr<Network> compressed_network(SparseForm form) {
  RandomGenerator rng(2);
  const Matrix w = sparse_matrix(kFeatures, kUnits, 0.4, rng);
  std::vector<Node> nodes;
  nodes.push_back({make_compressed(w, form), {0}});
  nodes.push_back({make_dense(kUnits, kClasses, "softmax", 3), {1}});
  return std::make_shared<Network>(1, std::move(nodes), std::vector<int>{2});
}

}  // namespace

TEST_CASE("predictions of a compressed layer have the same bits in any batch") {
  const Samples samples;
  for (const SparseForm form : kForms)
    for (const bool is_sparse : {false, true}) {
      const auto network = compressed_network(form);
      const Dataset data = samples.dataset(is_sparse);
      Matrix whole(kSamples, kClasses, kClasses), y(kSamples, kClasses, kClasses);
      network->predict(data.inputs, kSamples, kSamples, {whole.data()});
      INFO(form_name(form), std::string(is_sparse ? ", CSR" : ", dense"));
      for (const Index batch_rows : {1, 2, 7, 20, 100}) {
        network->predict(data.inputs, kSamples, batch_rows, {y.data()});
        CHECK(same_bits(y.values, whole.values));
      }
    }
}

TEST_CASE("predictions of a compressed layer allocate nothing after the first") {
  const Samples samples;
  for (const SparseForm form : kForms)
    for (const bool is_sparse : {false, true}) {
      const auto network = compressed_network(form);
      const Dataset data = samples.dataset(is_sparse);
      Matrix y(kSamples, kClasses, kClasses);
      network->predict(data.inputs, kSamples, 64, {y.data()});
      network->predict(data.inputs, kSamples, 1, {y.data()});
      const std::int64_t before = allocation_counter();
      for (const Index batch_rows : {64, 1, 33}) {
        network->predict(data.inputs, kSamples, batch_rows, {y.data()});
        CHECK(allocation_counter() == before);
      }
    }
}

TEST_CASE("a trainer can test a model with a compressed layer but refuses to train it") {
  const Samples samples;
  const Dataset data = samples.dataset();
  const std::vector<Index> rows{3, 1, 4, 1, 5};
  for (const SparseForm form : kForms) {
    const auto network = compressed_network(form);
    const std::vector<float> before = all_parameters(*network);
    const auto trainer = make_trainer(network, adam());
    CHECK(std::isfinite(trainer->test_step(data, rows.data(), 5)[0]));
    CHECK_THROWS_WITH_AS(trainer->train_step(data, rows.data(), 5),
                         "fit: expected a model of float32 weights, got kernel in sparse; train "
                         "the model that this one was made from",
                         std::invalid_argument);
    CHECK(same_bits(all_parameters(*network), before));
  }
}

TEST_CASE("a compressed layer without nonzeros returns the activation of its bias") {
  for (const SparseForm form : kForms) {
    RandomGenerator rng(2);
    const Matrix w = sparse_matrix(kFeatures, 300, 0.4, rng);
    Options options;
    options.set("units", 300.0);
    options.set("num_steps", static_cast<double>(SparseKernel(w, form).arrays.steps()));
    options.set("form", form_name(form));
    options.set("activation", std::string("linear"));
    options.set("use_bias", true);
    std::shared_ptr<Layer> layer = Registry<Layer>::create("compressed_dense", options);
    layer->build({kFeatures});
    const std::vector<float> bias = rng.vector(300);
    write_values(layer->parameters(), layer->parameters().find("bias"), 0, bias.data());
    const Network network(1, {{layer, {0}}}, {1});
    const Samples samples;
    for (const Index rows : {1, 20}) {
      Matrix y(rows, 300, 300);
      network.predict(samples.dataset().inputs, rows, rows, {y.data()});
      for (Index i = 0; i < rows; ++i) CHECK(same_bits(&y.at(i, 0), bias.data(), 300));
    }
  }
}

TEST_CASE("a compressed layer checks its arrays and sets all or none") {
  RandomGenerator rng(2);
  const Matrix w = sparse_matrix(kFeatures, kUnits, 0.4, rng);
  for (const SparseForm form : kForms) {
    const auto layer = make_compressed(w, form);
    const SparseKernel kernel(w, form);
    StoredValues values;
    for (int index = 1; index < static_cast<int>(kernel.block.all().size()); ++index)
      values[kernel.block.at(index).name] = kernel.block.slice(index);
    layer->check_stored(values);
    layer->check_stored({{"bias", kernel.block.data()}});
    std::vector<std::int32_t> offsets = kernel.arrays.offsets;
    ++offsets.back();
    values["panel_offsets"] = offsets.data();
    CHECK_THROWS_WITH_AS(layer->check_stored(values),
                         "panel_offsets: expected them to go from 0 to the number of steps",
                         std::invalid_argument);
    values.erase("panel_offsets");
    CHECK_THROWS_AS(layer->check_stored(values), std::invalid_argument);
  }
}

TEST_CASE("more steps than a kernel can have are refused") {
  for (const double steps : {-1.0, 2.0 * kFeatures + 1, 2e9}) {
    Options options;
    options.set("units", 24.0);
    options.set("num_steps", steps);
    options.set("form", std::string("csr"));
    options.set("activation", std::string("linear"));
    options.set("use_bias", true);
    const auto layer = Registry<Layer>::create("compressed_dense", options);
    CHECK_THROWS_AS(layer->build({kFeatures}), std::invalid_argument);
  }
}
