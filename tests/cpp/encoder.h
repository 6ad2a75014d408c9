// A random encoder for the tests of codes, with its full product.
#pragma once

#include "codes/codes.h"
#include "kernels/forward_product.h"
#include "kernels/pack.h"
#include "networks.h"

namespace gatewise::reference {

// Weights, biases and input rows of one encoder.
struct Encoder {
  PanelShape shape;
  Index rows;
  std::vector<float> x, bias;
  AlignedBuffer panels;

  Encoder(Index rows, Index depth, Index latents, std::uint64_t seed)
      : shape{depth, latents}, rows(rows), panels(shape.floats()) {
    RandomGenerator rng(seed);
    x = rng.vector(rows * depth);
    bias = rng.vector(latents);
    pack_panels(rng.vector(depth * latents).data(), shape, panels.data());
  }

  EncoderProduct encoder_product(float threshold) const {
    return {.x = {x.data(), shape.rows},
            .rows = rows,
            .w = Panels{panels.data(), shape},
            .terms = {.bias = bias.data()},
            .threshold = threshold,
            .panel_end = shape.panels()};
  }

  // All pre-activations, [rows, latents].
  Matrix product() const {
    Matrix y(rows, shape.cols, shape.cols);
    forward_product({x.data(), shape.rows}, 0, rows, {panels.data(), shape}, 0, shape.panels(),
                    {.bias = bias.data(), .y = y.data(), .y_stride = shape.cols});
    return y;
  }
};

struct Code {
  std::vector<std::int32_t> latents;
  std::vector<float> values;
  bool operator==(const Code&) const = default;
};

inline Code code_of_row(const Codes& codes, Index i) {
  const Index begin = codes.offsets[i], end = codes.offsets[i + 1];
  return {{codes.latents + begin, codes.latents + end}, {codes.values + begin, codes.values + end}};
}

}  // namespace gatewise::reference
