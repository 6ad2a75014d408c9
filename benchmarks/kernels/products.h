// Times the products: forward, input gradient, weight gradient with its update, in float32; forward
// in bfloat16 and int8; CSR rows.
#pragma once

#include "kernels/bfloat16_product.h"
#include "kernels/forward_product.h"
#include "kernels/input_gradient.h"
#include "kernels/int8_product.h"
#include "kernels/sparse_rows.h"
#include "kernels/weight_gradient.h"
#include "timing.h"
#include "update_rules.h"

namespace gatewise::bench {

struct Shape {
  Index rows, depth, cols;
};

// One expert's rows in typical shapes, a small dense layer, and few rows.
inline constexpr Shape kShapes[] = {{512, 256, 512},  {512, 512, 256}, {128, 512, 1024},
                                    {128, 1024, 512}, {128, 256, 256}, {32, 784, 64},
                                    {6, 256, 512},    {4, 784, 10},    {1, 1024, 2048}};

inline std::string sizes(const char* name, const Shape& s) {
  return std::string(name) + " " + std::to_string(s.rows) + " x " + std::to_string(s.depth) +
         " x " + std::to_string(s.cols);
}

// Arrays of one shape. Rows of x are read in shuffled order, like those of an expert.
struct Problem {
  explicit Problem(const Shape& s)
      : shape{s.depth, s.cols},
        stride(round_up(s.cols, kPanelWidth)),
        x(s.rows * s.depth),
        w(shape.floats()),
        y(s.rows * stride),
        d_x(s.rows * s.depth),
        bias(stride),
        index(static_cast<std::size_t>(s.rows)) {
    for (Index i = 0; i < s.rows; ++i) index[static_cast<std::size_t>(i)] = i * 7919 % s.rows;
  }

  Rows rows() { return {x, shape.rows, index.data()}; }
  Epilogue epilogue() {
    return {.bias = bias, .activation = Activation::kRelu, .y = y, .y_stride = stride};
  }

  PanelShape shape;
  Index stride;
  Values x, w, y, d_x, bias;
  std::vector<Index> index;
};

// Flops of one product, and bytes of its weights, which bound products of few rows.
struct Work {
  double flops, bytes;
};
inline Work work_of(const Shape& s, double bytes_a_weight) {
  const double weights = static_cast<double>(s.depth * s.cols);
  return {2 * static_cast<double>(s.rows) * weights, bytes_a_weight * weights};
}

inline void time_float32(const Report& report, const Shape& s) {
  Problem p(s);
  const Panels w{p.w, p.shape};
  const Work work = work_of(s, 4);
  report(sizes("forward_product, relu,", s), work.flops, work.bytes,
         [&] { forward_product(p.rows(), 0, s.rows, w, 0, p.shape.panels(), p.epilogue()); });
  Values strips(input_gradient_scratch(p.shape));
  report(sizes("input_gradient", s), work.flops, work.bytes, [&] {
    const GradientTerm term{p.y, p.stride, w};
    input_gradient({&term, 1}, 0, s.rows, 0, s.depth, {.d_x = p.d_x, .stride = s.depth}, strips);
  });
  Values first(p.shape.floats()), second(p.shape.floats()),
      packed(weight_gradient_scratch(p.shape, s.rows));
  // Updates are tiny, so that a time does not depend on how many calls preceded it.
  const UpdateTarget target{
      .rule = rule_of("adam"), .weights = p.w, .first = first, .second = second};
  for (Index i = 0; i < p.shape.floats(); ++i) second.data()[i] = std::abs(second.data()[i]);
  report(sizes("weight_gradient and Adam", s), work.flops, 6 * work.bytes, [&] {
    weight_gradient(p.rows(), p.y, p.stride, 0, s.rows, p.shape, 0, gradient_units(p.shape), target,
                    packed);
  });
}

inline void time_quantized(const Report& report, const Shape& s) {
  Problem p(s);
  std::vector<std::uint16_t> halves(
      static_cast<std::size_t>(p.shape.panels() * Bfloat16Panels::panel_values(p.shape)), 0x3f80);
  Values scratch(bfloat16_product_scratch(p.shape));
  const Work half = work_of(s, 2), quarter = work_of(s, 1);
  report(sizes("bfloat16_product", s), half.flops, half.bytes, [&] {
    bfloat16_product(p.rows(), 0, s.rows, {halves.data(), p.shape}, 0, p.shape.panels(),
                     p.epilogue(), scratch);
  });
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(p.shape.panels() * Int8Panels::panel_values(p.shape)), 135);
  const Int8Unit unit = best_int8_unit();
  const Index stride = int8_row_bytes(s.depth, unit);
  std::vector<std::byte> values(static_cast<std::size_t>(int8_rows_bytes(s.rows, s.depth, unit)),
                                std::byte{3});
  const std::vector<std::int32_t> corrections(static_cast<std::size_t>(s.rows));
  const std::vector<float> scales(static_cast<std::size_t>(s.rows), 1.0f);
  const Int8Rows rows{unit, values.data(), stride, corrections.data(), scales.data(), nullptr};
  report(sizes("int8_product", s), quarter.flops, quarter.bytes, [&] {
    int8_product(rows, 0, s.rows, {bytes.data(), p.bias, p.shape}, 0, p.shape.panels(),
                 p.epilogue());
  });
}

// 512 rows of 10,000 columns with 50 nonzeros each, by 128 units.
inline void time_sparse(const Report& report) {
  const Shape s{512, 10000, 128};
  constexpr Index kNonzeros = 50;
  Problem p(s);
  std::vector<Index> offsets(static_cast<std::size_t>(s.rows + 1));
  std::vector<std::int32_t> columns(static_cast<std::size_t>(s.rows * kNonzeros));
  for (Index i = 0; i <= s.rows; ++i) offsets[static_cast<std::size_t>(i)] = i * kNonzeros;
  for (std::size_t at = 0; at < columns.size(); ++at)
    columns[at] = static_cast<std::int32_t>(at % kNonzeros * 200 + at / kNonzeros * 7919 % 200);
  const SparseRows rows{offsets.data(), columns.data(), p.x, nullptr};
  const double multiply_adds = static_cast<double>(s.rows * kNonzeros * s.cols);
  report("sparse_forward_product 512 x 10000 (50 a row) x 128", 2 * multiply_adds,
         4 * multiply_adds, [&] {
           sparse_forward_product(rows, 0, s.rows, {p.w, p.shape}, 0, p.shape.panels(),
                                  p.epilogue());
         });
}

inline void time_products(const Report& report) {
  for (const Shape& shape : kShapes) time_float32(report, shape);
  for (const Shape& shape : kShapes) time_quantized(report, shape);
  time_sparse(report);
}

}  // namespace gatewise::bench
