// Views of a dictionary's parameters in one pass, and the reconstruction from a code.
#pragma once

#include "codes/codes.h"

namespace gatewise {

// Rows of u and of gradients have `stride()` floats.
struct DictionaryArrays {
  StoredPanels encoder;                      // W_e [width, latents]
  const float* encoder_bias = nullptr;       // b_e [latents]
  StoredRows decoder;                        // W_d [latents, width]
  const float* decoder_bias = nullptr;       // b [width]
  const float* center = nullptr;             // c [width]
  float scale = 1;                           // s
  const float* rows_since_active = nullptr;  // [latents]

  Index width() const { return encoder.shape.rows; }
  Index latents() const { return encoder.shape.cols; }
  Index stride() const { return round_up(width(), kPanelWidth); }

  // sum [width] = start (0 if null) + sum_e z_e W_d[latents[e]] over the nonzeros [begin, end).
  void add_rows(const SparseRows& codes, Index begin, Index end, const float* start,
                float* sum) const;
  // y [width] = y / s + c.
  void unscale(float* y) const;
  // y [rows, stride] = (z W_d + b) / s + c.
  void reconstruct(const SparseRows& codes, Index rows, float* y, Index stride) const;
};

// The nonzeros of `codes` with other values; null: its own.
inline SparseRows sparse_rows(const Codes& codes, const float* values = nullptr) {
  return {codes.offsets, codes.latents, values ? values : codes.values};
}

// to = scale from (+ base), [floats].
void set_gradients(const float* from, float scale, const float* base, float* to, Index floats);

}  // namespace gatewise
