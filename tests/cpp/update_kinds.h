// The optimizers' formulas in double, for tests of the update loop.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "optimizers.h"

namespace gatewise::reference {

inline constexpr double kRate = 0.1, kMomentum = 0.9, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-7;
inline constexpr int kStep = 3;

// One weight and its moments in double.
struct Weight {
  double w, m, v, third;
};

// A formula in double: updates a weight with g, and returns the threshold of the proximal step for
// a penalty of 1.
using Formula = double (*)(Weight& x, double g);

struct Kind {
  const char* name;
  const char* kind;
  std::map<std::string, Options::Value> settings;
  Formula formula;
  double velocity_share;  // of the proximal step's displacement that m takes
  double tolerance;       // a dozen roundings of values below 2, plus those of the threshold
};

inline const std::vector<Kind> kKinds{
    {"sgd",
     "sgd",
     {},
     [](Weight& x, double g) {
       x.w -= kRate * g;
       return kRate;
     },
     0,
     2e-6},
    {"momentum",
     "sgd",
     {{"momentum", kMomentum}},
     [](Weight& x, double g) {
       x.m = kMomentum * x.m - kRate * g;
       x.w += x.m;
       return kRate;
     },
     1,
     2e-6},
    {"nesterov",
     "sgd",
     {{"momentum", kMomentum}, {"nesterov", true}},
     [](Weight& x, double g) {
       x.m = kMomentum * x.m - kRate * g;
       x.w += kMomentum * x.m - kRate * g;
       return kRate * (1 + kMomentum);
     },
     1 / (1 + kMomentum),
     2e-6},
    {"adam",
     "adam",
     {{"beta_1", kBeta1}, {"beta_2", kBeta2}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.m += (1 - kBeta1) * (g - x.m);
       x.v += (1 - kBeta2) * (g * g - x.v);
       const double first = 1 - std::pow(kBeta1, kStep), second = 1 - std::pow(kBeta2, kStep);
       x.w -= kRate * std::sqrt(second) / first * x.m / (std::sqrt(x.v) + kEpsilon);
       return kRate / (std::sqrt(x.v / second) + kEpsilon);
     },
     0,
     1e-5},
    {"rmsprop",
     "rmsprop",
     {{"rho", kBeta1}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.v += (1 - kBeta1) * (g * g - x.v);
       x.w -= kRate * g / std::sqrt(x.v + kEpsilon);
       return kRate / std::sqrt(x.v + kEpsilon);
     },
     0,
     1e-5},
    {"rmsprop with momentum",
     "rmsprop",
     {{"rho", kBeta1}, {"momentum", kMomentum}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.v += (1 - kBeta1) * (g * g - x.v);
       x.m = kMomentum * x.m - kRate * g / std::sqrt(x.v + kEpsilon);
       x.w += x.m;
       return kRate / std::sqrt(x.v + kEpsilon);
     },
     1,
     1e-5},
    {"rmsprop centered",
     "rmsprop",
     {{"rho", kBeta1}, {"epsilon", 1e-3}, {"centered", true}},
     [](Weight& x, double g) {
       x.v += (1 - kBeta1) * (g * g - x.v);
       x.third += (1 - kBeta1) * (g - x.third);
       const double root = std::sqrt(std::max(x.v - x.third * x.third, 0.0) + 1e-3);
       x.w -= kRate * g / root;
       return kRate / root;
     },
     0,
     1e-5},
    {"rmsprop centered with momentum",
     "rmsprop",
     {{"rho", kBeta1}, {"momentum", kMomentum}, {"epsilon", 1e-3}, {"centered", true}},
     [](Weight& x, double g) {
       x.v += (1 - kBeta1) * (g * g - x.v);
       x.third += (1 - kBeta1) * (g - x.third);
       const double root = std::sqrt(std::max(x.v - x.third * x.third, 0.0) + 1e-3);
       x.m = kMomentum * x.m - kRate * g / root;
       x.w += x.m;
       return kRate / root;
     },
     1,
     1e-5},
    {"amsgrad",
     "adamw",
     {{"beta_1", kBeta1}, {"beta_2", kBeta2}, {"epsilon", kEpsilon}, {"amsgrad", true}},
     [](Weight& x, double g) {
       x.m += (1 - kBeta1) * (g - x.m);
       x.v += (1 - kBeta2) * (g * g - x.v);
       x.third = std::max(x.third, x.v);
       const double first = 1 - std::pow(kBeta1, kStep), second = 1 - std::pow(kBeta2, kStep);
       x.w -= kRate * std::sqrt(second) / first * x.m / (std::sqrt(x.third) + kEpsilon);
       return kRate / (std::sqrt(x.third / second) + kEpsilon);
     },
     0,
     1e-5},
    {"adagrad",
     "adagrad",
     {{"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.v += g * g;
       x.w -= kRate * g / std::sqrt(x.v + kEpsilon);
       return kRate / std::sqrt(x.v + kEpsilon);
     },
     0,
     1e-5},
    {"adadelta",
     "adadelta",
     {{"rho", kBeta1}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.v += (1 - kBeta1) * (g * g - x.v);
       const double scale = std::sqrt((x.third + kEpsilon) / (x.v + kEpsilon));
       x.third += (1 - kBeta1) * (scale * g * scale * g - x.third);
       x.w -= kRate * scale * g;
       return kRate * scale;
     },
     0,
     1e-5},
    {"adamax",
     "adamax",
     {{"beta_1", kBeta1}, {"beta_2", kBeta2}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       x.m += (1 - kBeta1) * (g - x.m);
       x.v = std::max(kBeta2 * x.v, std::fabs(g));
       x.w -= kRate / (1 - std::pow(kBeta1, kStep)) * x.m / (x.v + kEpsilon);
       return kRate / (x.v + kEpsilon);
     },
     0,
     1e-5},
    {"nadam",
     "nadam",
     {{"beta_1", kBeta1}, {"beta_2", kBeta2}, {"epsilon", kEpsilon}},
     [](Weight& x, double g) {
       double u[kStep + 2], product = 1;
       for (int t = 1; t <= kStep + 1; ++t) u[t] = kBeta1 * (1 - 0.5 * std::pow(0.96, t));
       for (int t = 1; t <= kStep; ++t) product *= u[t];
       x.m += (1 - kBeta1) * (g - x.m);
       x.v += (1 - kBeta2) * (g * g - x.v);
       const double root = std::sqrt(x.v / (1 - std::pow(kBeta2, kStep))) + kEpsilon;
       x.w -=
           kRate / root *
           (u[kStep + 1] * x.m / (1 - product * u[kStep + 1]) + (1 - u[kStep]) * g / (1 - product));
       return kRate / root;
     },
     0,
     1e-5},
    {"lion",
     "lion",
     {{"beta_1", kBeta1}, {"beta_2", kBeta2}},
     [](Weight& x, double g) {
       const double direction = kBeta1 * x.m + (1 - kBeta1) * g;
       x.w -= kRate * ((direction > 0) - (direction < 0));
       x.m = kBeta2 * x.m + (1 - kBeta2) * g;
       return kRate;
     },
     0,
     2e-6},
};

}  // namespace gatewise::reference
