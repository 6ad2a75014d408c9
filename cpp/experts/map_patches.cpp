#include "experts/map_patches.h"

#include <algorithm>

namespace gatewise {
namespace {

Input dense_patches(const Input& x, Index rows, const MapShape& shape, Arena& arena) {
  const Index patch = shape.patch(), positions = shape.positions();
  float* to = arena.take<float>(rows * positions * patch);
  parallel_for(rows, static_cast<double>(positions * patch), [&](Index begin, Index end) {
    for (Index row = begin; row < end; ++row)
      gather_patches(x.dense.row(row), shape, 0, positions, to + row * positions * patch);
  });
  return {.dense = {to, patch}, .width = patch};
}

// Index of each position's first nonzero in a CSR row, [positions + 1].
void find_positions(const SparseRows& x, Index row, const MapShape& shape, Index* first) {
  Index nonzero = x.begin(row);
  for (Index position = 0; position < shape.positions(); ++position) {
    first[position] = nonzero;
    while (nonzero < x.end(row) && x.columns[nonzero] < (position + 1) * shape.channels) ++nonzero;
  }
  first[shape.positions()] = nonzero;
}

Input sparse_patches(const Input& x, Index rows, const MapShape& shape, Arena& arena) {
  const Index positions = shape.positions();
  Index* first = arena.take<Index>(rows * (positions + 1));
  Index* offsets = arena.take<Index>(rows * positions + 1);
  offsets[0] = 0;
  for (Index row = 0; row < rows; ++row) {
    const Index* row_offsets = first + row * (positions + 1);
    find_positions(x.sparse, row, shape, first + row * (positions + 1));
    for (Index position = 0; position < positions; ++position) {
      Index count = 0;
      for (Index tap = 0; tap < shape.taps(); ++tap) {
        const Index source = shape.source(position / shape.width, position % shape.width, tap);
        if (source >= 0) count += row_offsets[source + 1] - row_offsets[source];
      }
      offsets[row * positions + position + 1] = offsets[row * positions + position] + count;
    }
  }
  const Index num_nonzeros = offsets[rows * positions];
  auto* columns = arena.take<std::int32_t>(num_nonzeros);
  float* values = arena.take<float>(num_nonzeros);
  parallel_for(rows * positions,
               static_cast<double>(num_nonzeros / std::max<Index>(rows * positions, 1) + 1),
               [&](Index begin, Index end) {
                 for (Index at = begin; at < end; ++at) {
                   const Index row = at / positions, position = at % positions;
                   const Index* row_offsets = first + row * (positions + 1);
                   Index to = offsets[at];
                   for (Index tap = 0; tap < shape.taps(); ++tap) {
                     const Index source =
                         shape.source(position / shape.width, position % shape.width, tap);
                     if (source < 0) continue;
                     for (Index nonzero = row_offsets[source]; nonzero < row_offsets[source + 1];
                          ++nonzero, ++to) {
                       const Index channel = x.sparse.columns[nonzero] - source * shape.channels;
                       columns[to] = static_cast<std::int32_t>(tap * shape.channels + channel);
                       values[to] = x.sparse.values[nonzero];
                     }
                   }
                 }
               });
  return {.sparse = {offsets, columns, values}, .width = shape.patch()};
}

}  // namespace

// Each line of a patch is contiguous in the map, cut at the borders.
void gather_patches(const float* map, const MapShape& shape, Index begin, Index end, float* to) {
  const Index channels = shape.channels, line = shape.kernel_width * channels;
  const Index above = (shape.kernel_height - 1) / 2, before = (shape.kernel_width - 1) / 2;
  Index y = begin / shape.width, x = begin % shape.width;
  for (Index position = begin; position < end; ++position) {
    const Index first = std::max<Index>(x - before, 0);
    const Index last = std::min(x - before + shape.kernel_width, shape.width);
    const Index left = (first - (x - before)) * channels, middle = (last - first) * channels;
    for (Index row = y - above; row < y - above + shape.kernel_height; ++row, to += line) {
      if (row < 0 || row >= shape.height) {
        std::fill_n(to, line, 0.0f);
        continue;
      }
      std::fill_n(to, left, 0.0f);
      std::copy_n(map + (row * shape.width + first) * channels, middle, to + left);
      std::fill_n(to + left + middle, line - left - middle, 0.0f);
    }
    if (++x == shape.width) {
      x = 0;
      ++y;
    }
  }
}

Input map_patches(const Input& x, Index rows, const MapShape& shape, Arena& arena) {
  return x.is_sparse() ? sparse_patches(x, rows, shape, arena)
                       : dense_patches(x, rows, shape, arena);
}

// Rows may share a target, so they are processed one after the other. Threads split the positions
// written; each accumulates its taps in order.
void map_patches_backward(const float* d_patches, Index stride, Index rows, const MapShape& shape,
                          const InputGradient& d_x) {
  const Index channels = shape.channels;
  parallel_for(
      shape.positions(), static_cast<double>(rows * shape.patch()), [&](Index begin, Index end) {
        for (Index row = 0; row < rows; ++row) {
          float* map = d_x.d_x + (d_x.target ? d_x.target[row] : row) * d_x.stride;
          for (Index to = begin; to < end; ++to) {
            float* d_position = map + to * channels;
            if (!d_x.accumulate) std::fill_n(d_position, channels, 0.0f);
            const Index y = to / shape.width, x = to % shape.width;
            for (Index tap = 0; tap < shape.taps(); ++tap) {
              // The patch that reads this position with this tap.
              const Index from_y = y - (tap / shape.kernel_width - (shape.kernel_height - 1) / 2);
              const Index from_x = x - (tap % shape.kernel_width - (shape.kernel_width - 1) / 2);
              if (from_y < 0 || from_y >= shape.height || from_x < 0 || from_x >= shape.width)
                continue;
              const float* from =
                  d_patches + (row * shape.positions() + from_y * shape.width + from_x) * stride +
                  tap * channels;
              for (Index j = 0; j < channels; ++j) d_position[j] += from[j];
            }
          }
        }
      });
}

}  // namespace gatewise
