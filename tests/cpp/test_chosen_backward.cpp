#include "routing/chosen_product_backward.h"

#include "kernels/chosen_columns.h"
#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

struct StoreSink final : UpdateSink {
  std::vector<float> gradient;

  explicit StoreSink(const ParameterBlock& block)
      : gradient(static_cast<std::size_t>(block.size()), 0.0f) {}
  UpdateTarget begin(int, Index) override { return store(gradient.data()); }
  bool updates_inactive() const override { return false; }
};

// A router kernel, rows, and logit gradients `d` of each row's `k` experts, which are among the
// first two thirds.
struct ChosenProblem {
  Index rows, k;
  Matrix x, w;
  ParameterBlock block;
  Arena arena;
  Choice choice;
  std::vector<float> d;

  ChosenProblem(Index rows, Index width, Index experts, Index k, RandomGenerator& rng)
      : rows(rows),
        k(k),
        x(rows, width, width + 3, rng),
        w(width, experts, experts, rng),
        d(rng.vector(rows * k)) {
    block.add_matrix("router_kernel", "router", width, experts);
    block.allocate();
    const Packed packed(w);
    std::copy_n(packed.buffer.data(), packed.shape.floats(), block.data());
    choice = make_choice(rows, k, arena);
    for (Index i = 0; i < rows; ++i) {
      const Index first = rng.below(std::max<Index>(1, experts * 2 / 3 - k + 1));
      for (Index j = 0; j < k; ++j)
        choice.experts[i * k + j] = static_cast<std::int32_t>(first + j);
    }
  }

  // Accumulates into d_x, which starts at 0.5, and returns the gradient in panels.
  std::vector<float> run(Matrix& d_x) {
    std::fill(d_x.values.begin(), d_x.values.end(), kCanary);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < x.cols; ++j) d_x.at(i, j) = 0.5f;
    StoreSink sink(block);
    const Dispatch dispatch = make_dispatch(choice, w.cols, arena);
    chosen_product_backward({.dense = x.view(), .width = x.cols}, choice, dispatch, d.data(), block,
                            0, {d_x.data(), d_x.stride}, &sink, arena);
    return sink.gradient;
  }

  void check(const Matrix& d_x, const std::vector<float>& gradient) const {
    WorstError inputs, weights;
    std::vector<Sum> sums(static_cast<std::size_t>(x.cols * w.cols));
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < x.cols; ++j) {
        Sum sum;
        sum.add(0.5);
        for (Index at = i * k; at < (i + 1) * k; ++at) {
          const Index expert = choice.experts[at];
          sum.add(d[at], w.at(j, expert));
          sums[j * w.cols + expert].add(d[at], x.at(i, j));
        }
        inputs.see(d_x.at(i, j), sum);
      }
    }
    for (Index j = 0; j < x.cols; ++j)
      for (Index e = 0; e < w.cols; ++e)
        weights.see(gradient[Packed::offset(block.at(0).shape, j, e)], sums[j * w.cols + e]);
    INFO("rows ", rows, " width ", x.cols, " experts ", w.cols, " k ", k);
    INFO("by x: ", inputs.report());
    INFO("by W: ", weights.report());
    CHECK(inputs.is_within());
    CHECK(weights.is_within());
    CHECK(d_x.gaps_are_intact());
  }
};

}  // namespace

TEST_CASE("chosen_product_backward agrees with the naive product over the chosen experts") {
  RandomGenerator rng(1);
  for (const Index width : {1, 15, 31, 33, 64, 65, 100})
    for (const Index experts : {4, 16, 17, 40})
      for (const Index rows : {0, 1, 37}) {
        ChosenProblem problem(rows, width, experts, 1 + experts / 16, rng);
        Matrix d_x(rows, width, width + 5);
        problem.check(d_x, problem.run(d_x));
      }
}

TEST_CASE("chosen_product_backward has the same bits for any thread count") {
  RandomGenerator rng(2);
  ChosenProblem problem(700, 150, 90, 3, rng);
  Matrix first(700, 150, 151), other = first;
  const auto run_on = [&](int count, Matrix& d_x) {
    const Threads threads(count);
    return problem.run(d_x);
  };
  const std::vector<float> gradient = run_on(1, first);
  problem.check(first, gradient);
  for (const int count : {2, 3, 7}) {
    CHECK(same_bits(run_on(count, other), gradient));
    CHECK(same_bits(other.values, first.values));
  }
}

TEST_CASE("transpose_columns transposes the requested columns and no other") {
  RandomGenerator rng(3);
  const Matrix w(70, 21, 21, rng);
  const Packed packed(w);
  std::vector<Index> counts(21, 1);
  counts[4] = counts[20] = 0;
  for (const Index begin : {0, 32, 64}) {
    std::vector<float> transposed(21 * kTransposedRows, kCanary);
    transpose_columns(packed.view(), begin, counts.data(), transposed.data());
    bool is_right = true;
    for (Index c = 0; c < 21; ++c)
      for (Index r = 0; r < kTransposedRows; ++r) {
        const float expected = counts[c] == 0 ? kCanary : begin + r < 70 ? w.at(begin + r, c) : 0;
        is_right &= transposed[c * kTransposedRows + r] == expected;
      }
    CHECK(is_right);
  }
}
