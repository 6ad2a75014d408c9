// Products with sparse kernels have the bits of the dense product for any rows and thread count.
#include "kernels/forward_product.h"
#include "networks.h"
#include "products/sparse_weights.h"
#include "sparse_kernels.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kManyRows = 256;

struct Product {
  const Matrix& w;
  std::vector<float> bias;
  Activation activation = Activation::kLinear;

  // The product of rows [0, rows); y has a gap of three floats between rows.
  Matrix dense(const Rows& x, Index rows) const {
    Matrix y(rows, w.cols, w.cols + 3);
    const Packed panels(w);
    forward_product(x, 0, rows, panels.view(), 0, panels.shape.panels(), epilogue(y));
    return y;
  }
  Matrix sparse(const SparseKernel& kernel, const Input& x, Index rows) const {
    Matrix y(rows, w.cols, w.cols + 3);
    Arena arena;
    // Values left in the arena by an earlier run must not matter.
    constexpr Index kLeft = 3 << 20;
    std::fill_n(arena.take<float>(kLeft), kLeft, std::nanf(""));
    arena.reset();
    sparse_weights_forward(x, rows, kernel.block, kernel.parameter_index, epilogue(y), arena);
    CHECK(y.gaps_are_intact());
    return y;
  }

 private:
  Epilogue epilogue(Matrix& y) const {
    return {.bias = bias.empty() ? nullptr : bias.data(),
            .activation = activation,
            .y = y.data(),
            .y_stride = y.stride};
  }
};

}  // namespace

TEST_CASE("a sparse product has the bits of the dense one for any row and thread count") {
  struct Shape {
    Index depth, units;
  };
  for (const auto& [depth, units] :
       {Shape{64, 48}, Shape{77, 1}, Shape{1, 19}, Shape{51, 530}, Shape{130, 257}})
    for (const double density : {0.0, 0.05, 0.5, 1.0}) {
      RandomGenerator rng(static_cast<std::uint64_t>(depth * 1000 + units));
      const Matrix w = sparse_matrix(depth, units, density, rng);
      const Matrix x(kManyRows, depth, depth, rng);
      Product product{w, rng.vector(units), Activation::kTanh};
      if (units == 1) product.bias.clear();
      const Matrix all = product.dense(x.view(), kManyRows);
      for (const SparseForm form : kForms) {
        const SparseKernel kernel(w, form);
        for (const Index rows : {1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 64, 65, 256})
          for (int threads = 1; threads <= (rows == 1 || rows > 60 ? 3 : 1); ++threads) {
            const Threads several(threads);
            const Input input{.dense = x.view(), .width = depth};
            const Matrix y = product.sparse(kernel, input, rows);
            INFO(form_name(form), ", ", depth, " x ", units, ", density ", density, ", ", rows,
                 " rows, ", threads, " threads");
            CHECK(same_bits(y.data(), all.data(), static_cast<Index>(y.values.size())));
          }
      }
    }
}

TEST_CASE("a large sparse product divided among threads has the same bits") {
  // Large enough for several threads and huge pages: 2 MB of columns a block.
  const Index depth = 20000, units = 300;
  RandomGenerator rng(4);
  const Matrix w = sparse_matrix(depth, units, 0.02, rng);
  const Matrix x(100, depth, depth, rng);
  const Product product{w, rng.vector(units)};
  const Input input{.dense = x.view(), .width = depth};
  const Matrix expected = product.dense(x.view(), 100);
  for (const SparseForm form : kForms) {
    const SparseKernel kernel(w, form);
    for (int threads = 1; threads <= 4; ++threads) {
      const Threads several(threads);
      for (const Index rows : {1, 2, 40, 100}) {
        const Matrix y = product.sparse(kernel, input, rows);
        INFO(form_name(form), ", ", threads, " threads, ", rows, " rows");
        CHECK(same_bits(y.data(), expected.data(), static_cast<Index>(y.values.size())));
      }
    }
  }
}

TEST_CASE("a sparse product agrees with the naive product") {
  RandomGenerator rng(6);
  const Matrix w = sparse_matrix(90, 37, 0.2, rng);
  const Matrix x(33, 90, 94, rng);
  const Product product{w, rng.vector(37)};
  for (const SparseForm form : kForms) {
    const SparseKernel kernel(w, form);
    for (const Index rows : {2, 33}) {
      const Matrix y = product.sparse(kernel, {.dense = x.view(), .width = 90}, rows);
      WorstError worst;
      for (Index i = 0; i < rows; ++i)
        for (Index u = 0; u < 37; ++u)
          worst.see(y.at(i, u), affine(x.view().row(i), w, product.bias.data(), u));
      INFO(form_name(form), ": ", worst.report());
      CHECK(worst.is_within());
    }
  }
}

TEST_CASE("inputs beyond 16 bits have 32-bit column indices") {
  const Index depth = 70000, units = 5;
  RandomGenerator rng(7);
  Matrix w(depth, units, units);
  std::fill(w.values.begin(), w.values.end(), 0.0f);
  for (Index i = 0; i < 200; ++i) w.at(rng.below(depth), rng.below(units)) = rng.uniform();
  w.at(depth - 1, 4) = 1;
  const Matrix x(20, depth, depth, rng);
  const Product product{w, {}};
  const Matrix expected = product.dense(x.view(), 20);
  for (const SparseForm form : kForms) {
    const SparseKernel kernel(w, form);
    CHECK(kernel.block.at(kernel.parameter_index + 2).storage == Storage::kInt32);
    for (const Index rows : {1, 20}) {
      const Matrix y = product.sparse(kernel, {.dense = x.view(), .width = depth}, rows);
      CHECK(same_bits(y.data(), expected.data(), static_cast<Index>(y.values.size())));
    }
  }
}

TEST_CASE(
    "a sparse product gathers rows by index, and CSR rows have the bits of the same dense rows") {
  RandomGenerator rng(8);
  const Index depth = 70, units = 40;
  const Matrix w = sparse_matrix(depth, units, 0.3, rng);
  const Csr csr(210, depth, 0.4, rng);
  const Matrix x = csr.dense();
  const Product product{w, rng.vector(units), Activation::kRelu};
  for (const Index rows : {1, 2, 20, 210}) {
    const std::vector<Index> index = rng.indices(rows, 210);
    const Matrix expected = product.dense(x.view(index), rows);
    for (const SparseForm form : kForms) {
      const SparseKernel kernel(w, form);
      const Input dense{.dense = x.view(index), .width = depth};
      const Input sparse{.sparse = csr.view(index), .width = depth};
      INFO(form_name(form), ", ", rows, " rows");
      CHECK(same_bits(product.sparse(kernel, dense, rows).values, expected.values));
      CHECK(same_bits(product.sparse(kernel, sparse, rows).values, expected.values));
    }
  }
}

TEST_CASE("inputs without weights do not affect the outputs") {
  RandomGenerator rng(9);
  const Index depth = 64, units = 33;
  // Every fifth input is empty; lanes of csr end at different steps.
  const Matrix w = sparse_matrix(depth, units, 0.4, rng);
  Matrix x(20, depth, depth, rng);
  const Product product{w, {}};
  const Matrix expected = product.dense(x.view(), 20);
  for (Index i = 0; i < 20; ++i)
    for (Index k = 2; k < depth; k += 5) x.at(i, k) = i % 2 ? HUGE_VALF : std::nanf("");
  for (const SparseForm form : kForms) {
    const SparseKernel kernel(w, form);
    for (const Index rows : {1, 20}) {
      const Matrix y = product.sparse(kernel, {.dense = x.view(), .width = depth}, rows);
      CHECK(same_bits(y.data(), expected.data(), static_cast<Index>(y.values.size())));
    }
  }
}

TEST_CASE("a sum that underflows is plus zero in any batch") {
  Matrix w(3, 2, 2), x(20, 3, 3);
  std::fill(w.values.begin(), w.values.end(), 0.0f);
  w.at(0, 0) = -1e-30f;
  w.at(0, 1) = 1;
  std::fill(x.values.begin(), x.values.end(), 1e-30f);
  const Product product{w, {}};
  for (const SparseForm form : kForms) {
    const SparseKernel kernel(w, form);
    for (const Index rows : {1, 20}) {
      const Matrix y = product.sparse(kernel, {.dense = x.view(), .width = 3}, rows);
      for (Index i = 0; i < rows; ++i) {
        CHECK(y.at(i, 0) == 0.0f);
        CHECK(!std::signbit(y.at(i, 0)));
        CHECK(y.at(i, 1) == 1e-30f);
      }
    }
  }
}
