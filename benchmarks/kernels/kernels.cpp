// Each kernel on one thread at the level that this program is built for.
//
//   cmake -S . -B build/kernels -DGATEWISE_BUILD_BENCHMARKS=ON && cmake --build build/kernels
//   build/kernels/gatewise_kernels_v3 [part of a name]
#include <cstring>
#include <memory>

#include "kernels/forward_product.h"
#include "kernels/input_gradient.h"
#include "kernels/vector.h"
#include "kernels/weight_gradient.h"
#include "timing.h"

namespace gatewise::bench {
namespace {

double peak_flops() {
  // 12 registers: enough to hide 4 cycles of latency on two units.
  constexpr int kChains = 12 / Vector::kParts;
  constexpr int kSteps = 20000;
  float sink = 0;
  const double seconds = seconds_of([&] {
    Vector sums[kChains];
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) sums[c] = Vector::set(1.0f);
    const Vector factor = Vector::set(0.999f);
    for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 16
      for (int c = 0; c < kChains; ++c) sums[c] = fma(sums[c], factor, factor);
    }
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) sink += sum_lanes(sums[c]);
    asm volatile("" : : "r"(&sink) : "memory");
  });
  return 2.0 * kSteps * kChains * kPanelWidth / seconds;
}

double read_bytes() {
  const Index count = Index{1} << 27;
  auto values = std::make_unique<AlignedBuffer>(count);
  std::memset(values->data(), 0, static_cast<std::size_t>(count) * 4);
  float sink = 0;
  const double seconds = seconds_of([&] {
    Vector sums[4] = {Vector::zero(), Vector::zero(), Vector::zero(), Vector::zero()};
    for (Index i = 0; i < count; i += 64)
      for (int c = 0; c < 4; ++c) sums[c] = sums[c] + Vector::load(values->data() + i + 16 * c);
    for (auto& sum : sums) sink += sum_lanes(sum);
    asm volatile("" : : "r"(&sink) : "memory");
  });
  return static_cast<double>(count) * 4 / seconds;
}

std::string sizes(const char* name, Index rows, Index depth, Index cols) {
  return std::string(name) + " " + std::to_string(rows) + " x " + std::to_string(depth) + " x " +
         std::to_string(cols);
}

struct Shape {
  Index rows, depth, cols;
};
// Rows of one expert in the shapes that people bring, and few rows.
constexpr Shape kShapes[] = {{512, 256, 512}, {512, 512, 256}, {128, 512, 1024}, {128, 1024, 512},
                             {128, 256, 256}, {12, 256, 512},  {6, 256, 512},    {4, 256, 512},
                             {1, 1024, 2048}, {1, 2048, 1024}, {32, 784, 64},    {32, 64, 10},
                             {4, 784, 10}};

// Rows are taken in shuffled order, as an expert's are.
std::vector<Index> shuffled(Index rows) {
  std::vector<Index> index(static_cast<std::size_t>(rows));
  for (Index i = 0; i < rows; ++i) index[static_cast<std::size_t>(i)] = (i * 7919) % rows;
  return index;
}

void products(const Limits& limits, const char* only) {
  for (const auto& [rows, depth, cols] : kShapes) {
    const PanelShape shape{depth, cols};
    Values scratch(input_gradient_scratch(shape)), room(weight_gradient_scratch(shape, rows));
    const Index stride = round_up(cols, kPanelWidth);
    Values x(rows * depth), w(shape.floats()), y(rows * stride), d_x(rows * depth), bias(stride),
        first(shape.floats()), second(shape.floats());
    const std::vector<Index> index = shuffled(rows);
    const Rows gathered{x, depth, index.data()};
    const Panels panels{w, shape};
    const double flops = 2.0 * static_cast<double>(rows * depth * cols);
    const double bytes = 4.0 * static_cast<double>(rows * (depth + cols));
    const double weights = 4.0 * static_cast<double>(shape.floats());
    const auto run = [&](const std::string& name, double moved, const auto& call) {
      if (!only || name.find(only) != std::string::npos) report(name, flops, moved, limits, call);
    };
    const Epilogue epilogue{
        .bias = bias, .activation = Activation::kRelu, .y = y, .y_stride = stride};
    run(sizes("forward_product, gathered, relu", rows, depth, cols), 0, [&, rows = rows] {
      forward_product(gathered, 0, rows, panels, 0, shape.panels(), epilogue);
    });
    run(sizes("input_gradient", rows, depth, cols), 0, [&, rows = rows, depth = depth] {
      input_gradient(y, stride, 0, rows, panels, 0, depth, {.d_x = d_x, .stride = depth}, scratch);
    });
    UpdateTarget target;
    target.rule = {.kind = UpdateKind::kAdam,
                   .rise_1 = 0.1f,
                   .rise_2 = 0.001f,
                   .epsilon = 1e-7f,
                   .step_size = 1e-9f};
    target.weights = w;
    target.first = first;
    target.second = second;
    run(sizes("weight_gradient and Adam", rows, depth, cols), 0, [&, rows = rows] {
      weight_gradient(gathered, y, stride, 0, rows, shape, 0, gradient_units(shape), target, room);
    });
    (void)bytes;
    (void)weights;
  }
}

}  // namespace
}  // namespace gatewise::bench

int main(int count, char** arguments) {
  using namespace gatewise::bench;
  const Limits limits{peak_flops(), read_bytes()};
  std::printf("peak %.1f GFLOP/s, read %.1f GB/s (one thread)\n", limits.flops * 1e-9,
              limits.bytes * 1e-9);
  print_heading();
  products(limits, count > 1 ? arguments[1] : nullptr);
  return 0;
}
