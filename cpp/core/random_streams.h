// Streams of random numbers that layers draw in forward passes. A number depends on (seed, stream,
// index), see core/random.h. The streams of initial weights, shuffles and all else that Python
// draws are in gatewise/utils/streams.py, beside a copy of these.
#pragma once

#include <cstdint>

#include "core/types.h"

namespace gatewise {

// Layer i of a model has the 2^40 streams from (i + 1) 2^40; those below belong to Python.
inline constexpr int kLayerStreamBits = 40;
// Each node of a graph that uses the layer has 2^32 of them, one for each training step.
inline constexpr int kOccurrenceStreamBits = 32;

// Numbers of its stream that each step of a noisy router has: more than a step can need, so that no
// two steps share any.
inline constexpr Index kNoiseDrawsPerStep = Index{1} << 36;

// The first stream of layer `index` of a model.
constexpr std::uint64_t layer_stream(std::uint64_t index) {
  return (index + 1) << kLayerStreamBits;
}

// The first stream of the node after `occurrence` earlier nodes with the same layer.
constexpr std::uint64_t occurrence_stream(std::uint64_t stream, std::uint64_t occurrence) {
  return stream + (occurrence << kOccurrenceStreamBits);
}

}  // namespace gatewise
