// Grouped products with weights of 2 bytes, 1 byte and 4 bits, and layers with such weights.
#include "kernels/int8_product.h"
#include "layers/parameter_values.h"
#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kDepth = 51, kUnits = 41, kSourceRows = 60;
constexpr Storage kQuantized[] = {Storage::kBfloat16, Storage::kInt8, Storage::kInt4};

struct Problem {
  std::vector<Index> offsets{0, 0, 1, 120, 133, 133, 210};
  Groups groups{offsets.data(), 6};
  RandomGenerator rng{2};
  ParameterBlock block;
  int kernel, bias;
  Matrix dense;
  Csr csr;
  std::vector<Index> index;

  explicit Problem(Storage storage)
      : dense(kSourceRows, kDepth, kDepth, rng),
        csr(kSourceRows, kDepth, 0.5, rng),
        index(rng.indices(210, kSourceRows)) {
    block.store_kernels_as(storage, 24);  // in int4 the last block has 3 rows
    kernel = block.add_expert_matrix("kernel", 6, kDepth, kUnits);
    bias = block.add_expert_vector("bias", 6, kUnits);
    block.allocate();
    for (const int parameter_index : {kernel, bias}) {
      const Parameter& parameter = block.at(parameter_index);
      for (Index g = 0; g < 6; ++g)
        write_values(block, parameter, g,
                     rng.vector(parameter.shape.rows * parameter.shape.cols).data());
    }
  }
  // All source rows, or the rows in `index`.
  Input input(bool is_sparse, bool is_gathered = true) const {
    Input x{.width = kDepth};
    if (is_sparse)
      x.sparse = csr.view();
    else
      x.dense = dense.view();
    return is_gathered ? x.at(index.data()) : x;
  }
  GroupedWeights weights() const { return grouped_weights(block, kernel, bias); }
};

std::vector<float> run_forward(const Problem& p, const Input& x, const Groups& groups) {
  Arena arena;
  Matrix y(groups.total(), kUnits, 48);
  grouped_forward(x, groups, p.weights(),
                  {.activation = Activation::kSilu, .y = y.data(), .y_stride = 48}, arena);
  CHECK(y.gaps_are_intact());
  return y.values;
}

std::shared_ptr<Network> quantized_network(const std::string& expert, Storage storage,
                                           bool experts_first) {
  std::vector<Node> nodes;
  nodes.push_back({make_experts(kFeatures, 24, "top_k", expert, 2, storage), {0}});
  nodes.push_back({make_dense(24, kClasses, "softmax", 3), {1}});
  if (!experts_first) {
    nodes.insert(nodes.begin(), {make_dense(kFeatures, kFeatures, "relu", 1), {0}});
    nodes[1].inputs = {1};
    nodes[2].inputs = {2};
  }
  const int last = static_cast<int>(nodes.size());
  return std::make_shared<Network>(1, std::move(nodes), std::vector<int>{last});
}

}  // namespace

TEST_CASE("grouped_forward multiplies each row by its group's quantized weights") {
  for (const Storage storage : kQuantized)
    for (const bool is_sparse : {false, true}) {
      const Problem p(storage);
      const std::vector<float> y = run_forward(p, p.input(is_sparse), p.groups);
      const Matrix source = is_sparse ? p.csr.dense() : p.dense;
      std::vector<float> w(kDepth * kUnits), b(kUnits);
      WorstError worst;
      for (Index g = 0; g < 6; ++g) {
        read_values(p.block, p.block.at(p.kernel), g, w.data());
        read_values(p.block, p.block.at(p.bias), g, b.data());
        for (Index i = p.groups.begin(g); i < p.groups.end(g); ++i)
          for (Index j = 0; j < kUnits; ++j) {
            const float* row = source.view().row(p.index[i]);
            Sum sum;
            double rounding = 0;  // of the row to int8: half a step per value
            double largest = 0;
            for (Index k = 0; k < kDepth; ++k) {
              sum.add(row[k], w[k * kUnits + j]);
              largest = std::max(largest, std::fabs(double{row[k]}));
              rounding += std::fabs(double{w[k * kUnits + j]}) / 254;
            }
            sum.add(b[j]);
            const double silu = sum.value / (1 + std::exp(-sum.value));
            // The derivative of silu is at most 1.1; silu itself errs by a few ulps.
            double tolerance = 1.1 * sum.tolerance() + 1e-6 * (1 + std::fabs(silu));
            if (has_integer_products(storage))
              tolerance += 1.1 * largest * rounding;
            else  // of the row to bfloat16
              tolerance += 1.1 * 0x1p-9 * sum.magnitude;
            worst.see(y[i * 48 + j], silu, tolerance);
          }
      }
      INFO(storage_name(storage), std::string(is_sparse ? ", CSR: " : ", dense: "), worst.report());
      CHECK(worst.is_within());
    }
}

TEST_CASE("quantized rows have the same bits alone and gathered, for any thread count") {
  for (const Storage storage : kQuantized)
    for (const bool is_sparse : {false, true}) {
      const Problem p(storage);
      std::vector<float> expected;
      for (int threads = 1; threads <= 3; ++threads) {
        const Threads several(threads);
        const std::vector<float> y = run_forward(p, p.input(is_sparse), p.groups);
        if (threads == 1) expected = y;
        INFO(storage_name(storage), ", ", threads, " threads");
        CHECK(same_bits(y, expected));
      }
      // The rows of group 2 alone, without an index.
      const std::vector<Index> offsets{0, 0, 0, kSourceRows, kSourceRows, kSourceRows, kSourceRows};
      const std::vector<float> plain =
          run_forward(p, p.input(is_sparse, false), {offsets.data(), 6});
      bool is_same = true;
      for (Index i = 1; i < 120; ++i)
        is_same &= same_bits(&expected[i * 48], &plain[p.index[i] * 48], kUnits);
      CHECK(is_same);
    }
}

TEST_CASE("a CSR row has the bits of the same dense row where sums are exact") {
  for (const Storage storage : {Storage::kInt8, Storage::kInt4}) {
    const Problem p(storage);
    const Matrix dense = p.csr.dense();
    const Input x{.dense = dense.view(p.index), .width = kDepth};
    CHECK(same_bits(run_forward(p, p.input(true), p.groups), run_forward(p, x, p.groups)));
  }
}

TEST_CASE("predictions of quantized layers have the same bits in any batch, for every expert") {
  const Samples samples;
  for (const Storage storage : kQuantized)
    for (const std::string& expert : Registry<Expert>::kinds())
      for (const bool is_sparse : {false, true}) {
        const auto network = quantized_network(expert, storage, is_sparse);
        const Dataset data = samples.dataset(is_sparse);
        Matrix whole(kSamples, kClasses, kClasses), y(kSamples, kClasses, kClasses);
        network->predict(data.inputs, kSamples, kSamples, {whole.data()});
        INFO(storage_name(storage), ", ", expert, std::string(is_sparse ? ", CSR" : ""));
        for (const Index batch_rows : {1, 7, 100}) {
          network->predict(data.inputs, kSamples, batch_rows, {y.data()});
          CHECK(same_bits(y.values, whole.values));
        }
      }
}

TEST_CASE("predictions of quantized layers allocate nothing after the first") {
  const Samples samples;
  for (const Storage storage : kQuantized) {
    const auto network = quantized_network("mlp", storage, false);
    const Dataset data = samples.dataset();
    Matrix y(kSamples, kClasses, kClasses);
    network->predict(data.inputs, kSamples, 64, {y.data()});
    const std::int64_t before = allocation_counter();
    for (const Index batch_rows : {64, 1, 33}) {
      network->predict(data.inputs, kSamples, batch_rows, {y.data()});
      CHECK(allocation_counter() == before);
    }
  }
}

TEST_CASE("a trainer can test a quantized model but refuses to train it") {
  const Samples samples;
  const Dataset data = samples.dataset();
  const std::vector<Index> rows{3, 1, 4, 1, 5};
  for (const Storage storage : kQuantized) {
    const auto network = quantized_network("glu", storage, false);
    const std::vector<float> before = all_parameters(*network);
    const auto trainer = make_trainer(network, adam());
    CHECK(std::isfinite(trainer->test_step(data, rows.data(), 5)[0]));
    const std::string message = std::string("fit: expected a model of float32 weights, got ") +
                                "kernel_gate in " + storage_name(storage) +
                                "; train the model that this one was made from";
    CHECK_THROWS_WITH_AS(trainer->train_step(data, rows.data(), 5), message.c_str(),
                         std::invalid_argument);
    CHECK(same_bits(all_parameters(*network), before));
  }
}

TEST_CASE("an int8 matrix too deep for exact sums is refused") {
  ParameterBlock block;
  block.store_kernels_as(Storage::kInt8);
  CHECK_THROWS_WITH_AS(block.add_expert_matrix("kernel", 2, kMaxInt8Depth + 1, 3),
                       "kernel: expected at most 132104 rows for exact sums of int8, got 132105",
                       std::invalid_argument);
  CHECK(block.add_expert_matrix("kernel", 2, kMaxInt8Depth, 3) == 0);
}

TEST_CASE("nonzeros are counted in every storage without padding") {
  for (const Storage storage : {Storage::kFloat32, Storage::kBfloat16, Storage::kInt8}) {
    ParameterBlock block;
    block.store_kernels_as(storage);
    const int parameter_index = block.add_expert_matrix("kernel", 2, 3, 17);
    block.allocate();
    std::vector<float> values(51, 0.0f);
    values[4] = -0.0f;
    values[7] = -2;
    values[50] = 1;
    for (const Index slice : {0, 1})
      write_values(block, block.at(parameter_index), slice, values.data());
    CHECK(count_nonzero(block, block.at(parameter_index)) == 4);
    CHECK(block.at(parameter_index).slice_floats() * 4 == (storage == Storage::kFloat32    ? 256
                                                           : storage == Storage::kBfloat16 ? 2048
                                                                                           : 128));
  }
}
