#include "networks.h"
#include "training/input_gradients.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr Index kRows = 7, kWidth = 5;

// y = softmax(tanh((a * b) W + c) W' + c').
Network make_product_network() {
  std::shared_ptr<Layer> product = Registry<Layer>::create("multiply", Options());
  product->build({kWidth, kWidth});
  return Network(2,
                 {{product, {0, 1}},
                  {make_dense(kWidth, 6, "tanh", 1), {2}},
                  {make_dense(6, 3, "softmax", 2), {3}}},
                 {4});
}

}  // namespace

TEST_CASE("backward computes the gradients of only those inputs that need them") {
  const Network network = make_product_network();
  RandomGenerator rng(3);
  const std::vector<float> a = rng.vector(kRows * kWidth), b = rng.vector(kRows * kWidth);
  const std::vector<Input> inputs{{.dense = {a.data(), kWidth}, .width = kWidth},
                                  {.dense = {b.data(), kWidth}, .width = kWidth}};
  std::vector<float> d_a(a.size()), d_b(b.size()), d_b_alone(b.size());
  input_gradients(network, inputs, kRows, 1, {d_a.data(), d_b.data()});
  input_gradients(network, inputs, kRows, 1, {nullptr, d_b_alone.data()});
  CHECK(d_b == d_b_alone);
  CHECK(d_a != d_b);
  // d y / d a_i b_i = d y / d (a b)_i times a_i.
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(d_a[i] * a[i] == doctest::Approx(d_b[i] * b[i]).epsilon(1e-5));
}

TEST_CASE("backward takes no gradients of values before which nothing is trained") {
  const Network network = make_product_network();
  RandomGenerator rng(4);
  const std::vector<float> a = rng.vector(kRows * kWidth);
  const Input x{.dense = {a.data(), kWidth}, .width = kWidth};
  const Input inputs[] = {x, x};
  Run run;
  network.forward(run, inputs, kRows, {.training = true});
  const auto zeros = [&](int value, Index width) {
    const ValueGradient gradient = run.take_gradient(value, width);
    std::fill_n(gradient.data, kRows * gradient.stride, 0.0f);
    return gradient;
  };
  run.gradients[4] = zeros(4, 3);
  const std::vector<UpdateSink*> frozen(3, nullptr);
  network.backward(run, frozen);
  CHECK(run.gradients[2].data == nullptr);
  CHECK(run.gradients[3].data == nullptr);
  run.gradients[0] = zeros(0, kWidth);
  network.backward(run, frozen);
  CHECK(run.gradients[2].data != nullptr);
  CHECK(run.gradients[3].data != nullptr);
  CHECK(run.gradients[1].data == nullptr);
}
