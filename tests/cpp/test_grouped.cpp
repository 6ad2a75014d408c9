// The parallel products of products/grouped: correct for groups of every size, with the same bits
// for any thread count.
#include "products/grouped.h"

#include "kernels/sparse_rows.h"
#include "optimizers/layer_state.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kDepth = 50, kUnits = 41, kSourceRows = 160;

struct Kind {
  std::string name;
  std::vector<Index> offsets;

  Kind(std::string name, const std::vector<Index>& rows) : name(std::move(name)), offsets{0} {
    for (const Index count : rows) offsets.push_back(offsets.back() + count);
  }
  Groups groups() const { return {offsets.data(), static_cast<Index>(offsets.size()) - 1}; }
};

std::vector<Kind> all_kinds() {
  RandomGenerator rng(1);
  std::vector<Index> small;
  for (int g = 0; g < 96; ++g) small.push_back(rng.below(6));
  return {Kind("all empty", {0, 0, 0}), Kind("a dense layer", {301}),
          Kind("one row", {0, 1, 0}),   Kind("one hot", {0, 0, 0, 400, 0, 0, 0, 0}),
          Kind("many small", small),    Kind("mixed", {0, 1, 200, 13, 0, 77, 12, 0})};
}

// A layer of E experts, dense and CSR inputs, and the upstream gradient, for one set of groups.
struct Problem {
  Groups groups;
  Index rows;
  RandomGenerator rng{2};
  ParameterBlock block;
  int kernel, bias;
  Matrix dense;
  Csr csr;
  std::vector<Index> index;  // the source row of each row
  Matrix d_y;

  explicit Problem(const Kind& kind)
      : groups(kind.groups()),
        rows(groups.total()),
        kernel(block.add_expert_matrix("kernel", groups.count, kDepth, kUnits)),
        bias(block.add_expert_vector("bias", groups.count, kUnits)),
        dense(kSourceRows, kDepth, kDepth, rng),
        csr(kSourceRows, kDepth, 0.5, rng),
        index(rng.indices(rows + 1, kSourceRows)),
        d_y(rows, kUnits, 48, rng) {
    block.allocate();
    for (Index g = 0; g < groups.count; ++g) {
      const Packed packed(Matrix(kDepth, kUnits, kUnits, rng));
      std::copy_n(packed.buffer.data(), packed.shape.floats(), block.slice(kernel, g));
      const std::vector<float> b = rng.vector(kUnits);
      std::copy(b.begin(), b.end(), block.slice(bias, g));
    }
  }

  Input input(bool is_sparse) const {
    Input x{.width = kDepth};
    if (is_sparse)
      x.sparse = csr.view(index);
    else
      x.dense = dense.view(index);
    return x;
  }
  GroupedWeights weights() const { return grouped_weights(block, kernel, bias); }
};

std::vector<float> run_forward(const Problem& p, bool is_sparse) {
  Matrix y(p.rows, kUnits, 48);
  grouped_forward(p.input(is_sparse), p.groups, p.weights(),
                  {.activation = Activation::kSilu, .y = y.data(), .y_stride = 48});
  CHECK(y.gaps_are_intact());
  return y.values;
}

std::vector<float> run_input_gradient(const Problem& p, bool has_target) {
  Matrix d_x(has_target ? kSourceRows : p.rows, kDepth, kDepth);
  std::fill(d_x.values.begin(), d_x.values.end(), 0.25f);
  Arena arena;
  grouped_input_gradient(p.d_y.data(), 48, p.groups, p.weights(),
                         {.d_x = d_x.data(),
                          .stride = kDepth,
                          .target = has_target ? p.index.data() : nullptr,
                          .accumulate = has_target},
                         arena);
  return d_x.values;
}

// Parameters after one step.
std::vector<float> run_update(Problem p, const Optimizer& optimizer, bool is_sparse) {
  Arena arena;
  LayerState state(p.block, optimizer, false);
  state.begin_step();
  grouped_weight_gradient(p.input(is_sparse), p.d_y.data(), 48, p.groups, p.block, p.kernel, p.bias,
                          state, arena);
  return {p.block.data(), p.block.data() + p.block.size()};
}

}  // namespace

TEST_CASE("the grouped products have the same bits on 1, 2, 3 and 4 threads") {
  for (const Kind& kind : all_kinds()) {
    INFO("groups: ", kind.name);
    const auto run_all = [&] {
      std::vector<std::vector<float>> results;
      for (const bool flag : {false, true}) {
        results.push_back(run_forward(Problem(kind), flag));
        results.push_back(run_input_gradient(Problem(kind), flag));
        const auto adam = make_optimizer("adam", 0.01);
        results.push_back(run_update(Problem(kind), *adam, flag));
        adam->dense_updates = true;
        results.push_back(run_update(Problem(kind), *adam, flag));
      }
      return results;
    };
    std::vector<std::vector<float>> expected;
    {
      const Threads one(1);
      expected = run_all();
    }
    for (int threads = 2; threads <= 4; ++threads) {
      const Threads several(threads);
      const auto got = run_all();
      for (std::size_t i = 0; i < got.size(); ++i) {
        INFO(threads, " threads, result ", i);
        CHECK(same_bits(got[i], expected[i]));
      }
    }
  }
}

TEST_CASE("grouped_forward multiplies each row by its group's weights") {
  for (const Kind& kind : all_kinds()) {
    const Problem p(kind);
    for (const bool is_sparse : {false, true}) {
      const std::vector<float> y = run_forward(p, is_sparse);
      bool is_same = true;
      for (Index g = 0; g < p.groups.count; ++g) {
        Matrix alone(1, kUnits, kUnits);
        const Epilogue epilogue{.bias = p.block.slice(p.bias, g),
                                .activation = Activation::kSilu,
                                .y = alone.data(),
                                .y_stride = 0};
        for (Index i = p.groups.begin(g); i < p.groups.end(g); ++i) {
          const Input x = p.input(is_sparse);
          if (is_sparse)
            sparse_forward_product(x.sparse, i, i + 1, p.weights().at(g), 0, 3, epilogue);
          else
            forward_product(x.dense, i, i + 1, p.weights().at(g), 0, 3, epilogue);
          is_same &= same_bits(alone.data(), y.data() + i * 48, kUnits);
        }
      }
      INFO("groups: ", kind.name, std::string(is_sparse ? ", CSR" : ", dense"));
      CHECK(is_same);
    }
  }
}

TEST_CASE("grouped_input_gradient accumulates rows of one target in ascending order") {
  for (const Kind& kind : all_kinds()) {
    const Problem p(kind);
    std::vector<float> expected(static_cast<std::size_t>(kSourceRows * kDepth), 0.25f);
    AlignedBuffer scratch(input_gradient_scratch(p.weights().first.shape));
    for (Index g = 0; g < p.groups.count; ++g)
      for (Index i = p.groups.begin(g); i < p.groups.end(g); ++i) {
        const GradientTerm term{p.d_y.data(), 48, p.weights().at(g)};
        input_gradient({&term, 1}, i, i + 1, 0, kDepth,
                       {.d_x = expected.data(),
                        .stride = kDepth,
                        .target = p.index.data(),
                        .accumulate = true},
                       scratch.data());
      }
    INFO("groups: ", kind.name);
    CHECK(same_bits(run_input_gradient(p, true), expected));
  }
}

TEST_CASE("grouped_weight_gradient updates each group's weights by its own gradient alone") {
  for (const Kind& kind : all_kinds()) {
    for (const bool is_sparse : {false, true}) {
      const Problem p(kind);
      const Matrix source = is_sparse ? p.csr.dense() : p.dense;
      const std::vector<float> after =
          run_update(Problem(kind), *make_optimizer("sgd", 1), is_sparse);
      WorstError worst;
      bool untouched_are_same = true;
      for (Index g = 0; g < p.groups.count; ++g) {
        const Index kernel = p.block.at(p.kernel).slice_offset(g);
        const Index bias = p.block.at(p.bias).slice_offset(g);
        if (p.groups.rows(g) == 0) {
          untouched_are_same &= same_bits(after.data() + kernel, p.block.data() + kernel,
                                          p.block.at(p.kernel).slice_floats());
          untouched_are_same &= same_bits(after.data() + bias, p.block.data() + bias, kUnits);
          continue;
        }
        for (Index u = 0; u < kUnits; ++u) {
          std::vector<Sum> sums(kDepth + 1);
          for (Index j = 0; j < kDepth; ++j)
            sums[j].add(p.block.data()[kernel + Packed::offset({kDepth, kUnits}, j, u)]);
          sums[kDepth].add(p.block.data()[bias + u]);
          for (Index i = p.groups.begin(g); i < p.groups.end(g); ++i) {
            for (Index j = 0; j < kDepth; ++j)
              sums[j].add(-source.at(p.index[i], j), p.d_y.at(i, u));
            sums[kDepth].add(-p.d_y.at(i, u));
          }
          for (Index j = 0; j < kDepth; ++j)
            worst.see(after[kernel + Packed::offset({kDepth, kUnits}, j, u)], sums[j]);
          worst.see(after[bias + u], sums[kDepth]);
        }
      }
      INFO("groups: ", kind.name, std::string(is_sparse ? ", CSR: " : ", dense: "), worst.report());
      CHECK(worst.is_within());
      CHECK(untouched_are_same);
    }
  }
}
