// Naive references in double for the kernels, and arrays that detect what a kernel touches: every
// gap holds a canary, and the allocation ends with the last value, so that valgrind reports reads
// beyond it.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/panels.h"
#include "core/parallel.h"
#include "optimizers.h"

namespace gatewise::reference {

inline constexpr float kCanary = -7.7e33f;
inline constexpr double kHalfUlp = 0x1p-24;

// Uniform random numbers, independent of the code under test.
class RandomGenerator {
 public:
  explicit RandomGenerator(std::uint64_t seed) : engine_(seed) {}

  float uniform(float low = -1, float high = 1) {
    return low + (high - low) * (static_cast<float>(engine_() >> 40) * 0x1p-24f);
  }
  Index below(Index count) {
    return static_cast<Index>(engine_() % static_cast<std::uint64_t>(count));
  }
  std::vector<float> vector(Index count, float low = -1, float high = 1) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = uniform(low, high);
    return values;
  }
  std::vector<Index> indices(Index count, Index limit) {
    std::vector<Index> values(static_cast<std::size_t>(count));
    for (Index& value : values) value = below(limit);
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

// [rows, cols] row-major with a stride; the array ends with the last value.
struct Matrix {
  Index rows = 0, cols = 0, stride = 0;
  std::vector<float> values;

  Matrix(Index rows, Index cols, Index stride)
      : rows(rows),
        cols(cols),
        stride(stride),
        values(static_cast<std::size_t>(rows == 0 ? 0 : (rows - 1) * stride + cols), kCanary) {}
  Matrix(Index rows, Index cols, Index stride, RandomGenerator& rng) : Matrix(rows, cols, stride) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) at(i, j) = rng.uniform();
  }

  float* data() { return values.data(); }
  const float* data() const { return values.data(); }
  float& at(Index i, Index j) { return values[static_cast<std::size_t>(i * stride + j)]; }
  float at(Index i, Index j) const { return values[static_cast<std::size_t>(i * stride + j)]; }
  Rows view(const std::vector<Index>& index = {}) const {
    return {data(), stride, index.empty() ? nullptr : index.data()};
  }
  bool gaps_are_intact() const {
    for (std::size_t at = 0; at < values.size(); ++at)
      if (static_cast<Index>(at) % stride >= cols && values[at] != kCanary) return false;
    return true;
  }
};

// A matrix in the panel layout, packed from the layout's description, without kernel code.
struct Packed {
  PanelShape shape;
  AlignedBuffer buffer;

  explicit Packed(PanelShape shape) : shape(shape), buffer(shape.floats()) {}
  explicit Packed(const Matrix& m) : Packed(PanelShape{m.rows, m.cols}) {
    for (Index i = 0; i < m.rows; ++i)
      for (Index j = 0; j < m.cols; ++j) at(i, j) = m.at(i, j);
  }

  static Index offset(PanelShape shape, Index i, Index j) {
    const Index panel = j / 16, width = std::min<Index>(16, shape.cols - 16 * panel);
    return 16 * panel * shape.rows + i * ((width + 3) / 4 * 4) + j % 16;
  }
  float& at(Index i, Index j) { return buffer.data()[offset(shape, i, j)]; }
  float at(Index i, Index j) const { return buffer.data()[offset(shape, i, j)]; }
  Panels view() const { return {buffer.data(), shape}; }

  // Whether all padding is zero.
  bool padding_is_zero() const {
    std::vector<char> used(static_cast<std::size_t>(buffer.size()), 0);
    for (Index i = 0; i < shape.rows; ++i)
      for (Index j = 0; j < shape.cols; ++j) used[offset(shape, i, j)] = 1;
    for (Index at = 0; at < buffer.size(); ++at)
      if (!used[at] && buffer.data()[at] != 0.0f) return false;
    return true;
  }
};

// CSR rows; about `density` of the values are nonzeros, row 1 (if any) is empty.
struct Csr {
  Index rows = 0, cols = 0;
  std::vector<Index> offsets{0};
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  Csr(Index rows, Index cols, double density, RandomGenerator& rng) : rows(rows), cols(cols) {
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < cols && i != 1; ++j) {
        if (rng.uniform(0, 1) >= density) continue;
        columns.push_back(static_cast<std::int32_t>(j));
        values.push_back(rng.uniform());
      }
      offsets.push_back(static_cast<Index>(columns.size()));
    }
  }
  SparseRows view(const std::vector<Index>& index = {}) const {
    return {offsets.data(), columns.data(), values.data(), index.empty() ? nullptr : index.data()};
  }
  Matrix dense() const {
    Matrix m(rows, cols, std::max<Index>(cols, 1));
    std::fill(m.values.begin(), m.values.end(), 0.0f);
    for (Index i = 0; i < rows; ++i)
      for (Index at = offsets[i]; at < offsets[i + 1]; ++at) m.at(i, columns[at]) += values[at];
    return m;
  }
};

// A sum in double, and the sum of its terms' magnitudes. The latter bounds the rounding error of
// the same sum in float: each product and each addition rounds once (Higham 2002, "Accuracy and
// stability", eq. 3.5).
struct Sum {
  double value = 0, magnitude = 0;
  Index terms = 0;

  void add(double a, double b = 1) {
    value += a * b;
    magnitude += std::fabs(a * b);
    ++terms;
  }
  double tolerance() const { return static_cast<double>(terms + 2) * kHalfUlp * magnitude; }
};

// The maximum of |actual - expected| / tolerance; NaN and infinity count as infinite.
class WorstError {
 public:
  void see(double actual, double expected, double tolerance) {
    const double error = std::fabs(actual - expected);
    const double ratio = error == 0 ? 0 : error / tolerance;
    if (!(ratio <= ratio_)) {
      ratio_ = std::isnan(ratio) ? HUGE_VAL : ratio;
      actual_ = actual;
      expected_ = expected;
    }
  }
  void see(double actual, const Sum& expected) {
    see(actual, expected.value, expected.tolerance());
  }
  bool is_within() const { return ratio_ <= 1; }
  double ratio() const { return ratio_; }
  std::string report() const {
    return "worst " + std::to_string(ratio_) + " of the tolerance: got " + std::to_string(actual_) +
           ", expected " + std::to_string(expected_);
  }

 private:
  double ratio_ = 0, actual_ = 0, expected_ = 0;
};

inline bool same_bits(const float* a, const float* b, Index count) {
  return count == 0 || std::memcmp(a, b, sizeof(float) * static_cast<std::size_t>(count)) == 0;
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && same_bits(a.data(), b.data(), static_cast<Index>(a.size()));
}

// x W + b for row `row` of x and column j.
inline Sum affine(const float* row, const Matrix& w, const float* bias, Index j) {
  Sum sum;
  for (Index k = 0; k < w.rows; ++k) sum.add(row[k], w.at(k, j));
  if (bias) sum.add(bias[j]);
  return sum;
}

// An SGD target with learning rate 1: it subtracts the gradient from the weights.
inline UpdateTarget unit_sgd(float* weights) {
  UpdateTarget target;
  target.rule = rule_of(*make_optimizer("sgd", 1), 1);
  target.weights = weights;
  return target;
}

inline UpdateTarget store(float* gradient) {
  UpdateTarget target;
  target.rule.use = GradientUse::kStore;
  target.gradient = gradient;
  return target;
}

// Sets the thread count for a scope.
struct Threads {
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(0); }
};

// Sizes around register and panel widths.
inline const std::vector<Index>& sizes_around_registers() {
  static const std::vector<Index> sizes{1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33};
  return sizes;
}

}  // namespace gatewise::reference
