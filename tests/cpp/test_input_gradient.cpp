#include "kernels/input_gradient.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

struct Case {
  Index rows, depth, units;
  bool is_scattered, accumulate;
};

// input_gradient with its scratch.
void run(const Matrix& d_y, Index row_begin, Index row_end, const Packed& w, Index column_begin,
         Index column_end, const InputGradient& out) {
  AlignedBuffer scratch(input_gradient_scratch(w.shape));
  const GradientTerm term{d_y.data(), d_y.stride, w.view()};
  input_gradient({&term, 1}, row_begin, row_end, column_begin, column_end, out, scratch.data());
}

void check(const Case& c) {
  RandomGenerator rng(static_cast<std::uint64_t>(c.rows * 1000003 + c.depth * 1009 + c.units));
  const Matrix d_y(c.rows, c.units, c.units + c.depth % 3, rng);
  const Matrix w(c.depth, c.units, c.units, rng);
  const Packed packed(w);
  const Matrix before(c.rows + 2, c.depth, c.depth + c.units % 3, rng);
  Matrix d_x = before;
  std::vector<Index> target;
  for (Index i = 0; c.is_scattered && i < c.rows; ++i) target.push_back(c.rows + 1 - i);
  const InputGradient out{.d_x = d_x.data(),
                          .stride = d_x.stride,
                          .target = c.is_scattered ? target.data() : nullptr,
                          .accumulate = c.accumulate};
  run(d_y, 0, c.rows, packed, 0, c.depth, out);

  WorstError worst;
  bool others_are_intact = true;
  for (Index to = 0; to < c.rows + 2; ++to) {
    const Index i = c.is_scattered ? c.rows + 1 - to : to;
    for (Index j = 0; j < c.depth; ++j) {
      if (i < 0 || i >= c.rows) {
        others_are_intact &= d_x.at(to, j) == before.at(to, j);
        continue;
      }
      Sum sum;
      for (Index u = 0; u < c.units; ++u) sum.add(d_y.at(i, u), w.at(j, u));
      if (c.accumulate) sum.add(before.at(to, j));
      worst.see(d_x.at(to, j), sum);
    }
  }
  INFO("rows ", c.rows, " depth ", c.depth, " units ", c.units, ": ", worst.report());
  CHECK(worst.is_within());
  CHECK(others_are_intact);
  CHECK(d_x.gaps_are_intact());
}

}  // namespace

TEST_CASE("input_gradient agrees with the naive product for every tail panel and depth") {
  for (Index units = 1; units <= 35; ++units)
    for (Index depth = 1; depth <= 40; ++depth)
      check({.rows = (units + depth * 3) % 10,
             .depth = depth,
             .units = units,
             .is_scattered = false,
             .accumulate = depth % 2 == 0});
}

TEST_CASE("input_gradient agrees with the naive product for every row count") {
  for (Index rows = 0; rows <= 33; ++rows)
    for (const Index units : sizes_around_registers())
      check({.rows = rows,
             .depth = 7,
             .units = units,
             .is_scattered = false,
             .accumulate = rows % 2 == 0});
}

TEST_CASE("input_gradient scatters to target rows") {
  for (const Index rows : {1, 2, 4, 5, 8, 9, 17})
    for (const Index units : sizes_around_registers())
      for (const bool accumulate : {false, true})
        check({.rows = rows,
               .depth = 13,
               .units = units,
               .is_scattered = true,
               .accumulate = accumulate});
}

TEST_CASE("input_gradient accumulates rows that share a target in ascending order") {
  RandomGenerator rng(9);
  const Index rows = 11, depth = 6, units = 19;
  const Matrix d_y(rows, units, units, rng), w(depth, units, units, rng);
  const Packed packed(w);
  std::vector<Index> target;
  for (Index i = 0; i < rows; ++i) target.push_back(i % 2);
  Matrix together(2, depth, depth), one_by_one(2, depth, depth);
  std::fill(together.values.begin(), together.values.end(), 0.0f);
  one_by_one.values = together.values;
  InputGradient out{
      .d_x = together.data(), .stride = depth, .target = target.data(), .accumulate = true};
  run(d_y, 0, rows, packed, 0, depth, out);
  out.d_x = one_by_one.data();
  for (Index i = 0; i < rows; ++i) run(d_y, i, i + 1, packed, 0, depth, out);
  CHECK(same_bits(together.values, one_by_one.values));
}

TEST_CASE("input_gradient has the same bits however rows and columns are divided") {
  RandomGenerator rng(10);
  for (const Index units : {1, 5, 16, 35}) {
    const Index rows = 13, depth = 29;
    const Matrix d_y(rows, units, units, rng), w(depth, units, units, rng);
    const Packed packed(w);
    Matrix whole(rows, depth, depth);
    run(d_y, 0, rows, packed, 0, depth, {.d_x = whole.data(), .stride = depth});
    for (const Index step : {1, 2, 3, 5, 7}) {
      Matrix tiled(rows, depth, depth);
      for (Index i = 0; i < rows; i += step)
        for (Index j = 0; j < depth; j += step + 1)
          run(d_y, i, std::min(rows, i + step), packed, j, std::min(depth, j + step + 1),
              {.d_x = tiled.data(), .stride = depth});
      INFO("units ", units, " step ", step);
      CHECK(same_bits(whole.values, tiled.values));
    }
  }
}

TEST_CASE("input_gradient of two terms is one sum, that of a product of twice the depth") {
  RandomGenerator rng(13);
  for (const Index units : sizes_around_registers())
    for (const Index rows : {1, 5, 13, 40}) {
      const Index depth = 35;
      const Matrix d_y(rows, 2 * units, 2 * units + 1, rng), w(depth, 2 * units, 2 * units, rng);
      Matrix halves[2] = {Matrix(depth, units, units), Matrix(depth, units, units)};
      for (Index j = 0; j < depth; ++j)
        for (Index u = 0; u < 2 * units; ++u) halves[u / units].at(j, u % units) = w.at(j, u);
      const Packed first(halves[0]), second(halves[1]), both(w);
      const GradientTerm terms[] = {{d_y.data(), d_y.stride, first.view()},
                                    {d_y.data() + units, d_y.stride, second.view()}};
      Matrix sum(rows, depth, depth), expected(rows, depth, depth);
      AlignedBuffer scratch(input_gradient_scratch(first.shape, 2));
      input_gradient(terms, 0, rows, 0, depth, {.d_x = sum.data(), .stride = depth},
                     scratch.data());
      run(d_y, 0, rows, both, 0, depth, {.d_x = expected.data(), .stride = depth});
      INFO("units ", units, " rows ", rows);
      CHECK(same_bits(sum.values, expected.values));
    }
}

TEST_CASE("input_gradient writes only the columns of its range") {
  RandomGenerator rng(11);
  const Matrix d_y(5, 9, 9, rng), w(20, 9, 9, rng);
  const Packed packed(w);
  Matrix d_x(5, 20, 20);
  run(d_y, 1, 4, packed, 3, 14, {.d_x = d_x.data(), .stride = 20});
  bool is_right = true;
  for (Index i = 0; i < 5; ++i)
    for (Index j = 0; j < 20; ++j)
      is_right &= (d_x.at(i, j) != kCanary) == (i >= 1 && i < 4 && j >= 3 && j < 14);
  CHECK(is_right);
}

TEST_CASE("input_gradient multiplies by the derivative of the preceding activation") {
  RandomGenerator rng(12);
  const Index rows = 15, depth = 21, units = 18;
  const Matrix d_y(rows, units, units, rng), w(depth, units, units, rng);
  const Matrix before(rows, depth, depth + 3, rng);
  const Packed packed(w);
  for (const Activation kind : {Activation::kRelu, Activation::kTanh, Activation::kGelu}) {
    Matrix after = before, plain(rows, depth, depth), fused = plain, separate = plain;
    for (Index i = 0; i < rows; ++i)
      activate_forward(kind, before.data() + i * before.stride, &after.at(i, 0), depth);
    run(d_y, 0, rows, packed, 0, depth, {.d_x = plain.data(), .stride = depth});
    run(d_y, 0, rows, packed, 0, depth,
        {.d_x = fused.data(),
         .stride = depth,
         .activation = kind,
         .activated = after.data(),
         .pre_activation = derivative_needs_input(kind) ? before.data() : nullptr,
         .activated_stride = before.stride});
    for (Index i = 0; i < rows; ++i)
      activate_backward(kind, before.data() + i * before.stride, &after.at(i, 0), &plain.at(i, 0),
                        &separate.at(i, 0), depth);
    INFO("activation ", static_cast<int>(kind));
    CHECK(same_bits(fused.values, separate.values));
  }
}
