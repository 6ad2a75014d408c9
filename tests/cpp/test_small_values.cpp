// Values near zero keep their relative precision. A layer used twice draws independent numbers.
#include <cmath>
#include <vector>

#include "doctest/doctest.h"
#include "kernels/activation_lanes.h"
#include "kernels/activations.h"
#include "layers/layer.h"
#include "losses/loss.h"
#include "training/network.h"

using namespace gatewise;

namespace {

float activated(Activation kind, float x) {
  float y = 0;
  activate_forward(kind, &x, &y, 1);
  return y;
}

}  // namespace

TEST_CASE("elu, selu and softplus keep their relative precision near zero") {
  for (const float x : {-1e-8f, -1e-5f, -0.01f, -0.3f, -2.0f, -20.0f}) {
    CHECK(activated(Activation::kElu, x) == doctest::Approx(std::expm1(double{x})).epsilon(5e-7));
    const double selu = double{kSeluScale} * kSeluAlpha * std::expm1(double{x});
    CHECK(activated(Activation::kSelu, x) == doctest::Approx(selu).epsilon(5e-7));
  }
  for (const float x : {-60.0f, -20.0f, -12.0f, -3.0f, -0.1f, 0.0f, 0.5f, 30.0f}) {
    const double softplus = std::log1p(std::exp(double{x}));
    CHECK(activated(Activation::kSoftplus, x) / softplus == doctest::Approx(1.0).epsilon(2e-6));
  }
}

TEST_CASE("a dropout layer used twice draws independent masks") {
  Options options;
  options.set("rate", 0.5);
  std::shared_ptr<Layer> layer = Registry<Layer>::create("dropout", options);
  layer->build({1000});
  layer->set_random_stream(1, 2);
  const Network network(1, {{layer, {0}}, {layer, {0}}}, {1, 2});
  const std::vector<float> ones(1000, 1.0f);
  const Input x{.dense = {ones.data(), 1000}, .width = 1000};
  Run run;
  network.forward(run, &x, 1, {.training = true});
  int both = 0;
  for (Index j = 0; j < 1000; ++j) both += run.values[1].data[j] * run.values[2].data[j] > 0;
  // A quarter of 1,000, within four standard deviations.
  CHECK(both > 195);
  CHECK(both < 305);
}

TEST_CASE("a cross-entropy of all-zero probabilities is not zero") {
  Options options;
  options.set("from_logits", false);
  const auto loss = Loss::create("sparse_categorical_crossentropy", options);
  const std::vector<float> zeros(3, 0.0f);
  const std::int32_t label = 1;
  const Target target{.labels = &label, .units = 3};
  std::vector<float> d_x(3);
  float value = 0;
  const Predictions y{.rows = {zeros.data(), 3}, .count = 1};
  loss->evaluate(y, target, false, 1.0f, 1.0, d_x.data(), 3, &value);
  CHECK(value == doctest::Approx(-std::log(1e-7)));
  for (const float each : d_x) CHECK(std::isfinite(each));
}
