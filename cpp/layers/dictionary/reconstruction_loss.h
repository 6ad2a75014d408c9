// Losses that a dictionary adds in training: errors of further reconstructions of its rows.
//
// To add one: derive from ReconstructionLoss in a new file, declare its `make_...` below, and have
// SparseDictionary's constructor call it.
#pragma once

#include <memory>
#include <vector>

#include "codes/code_activation.h"
#include "layers/dictionary/code_terms.h"
#include "layers/dictionary/dictionary_arrays.h"
#include "layers/layer.h"

namespace gatewise {

// What a loss reads of the forward pass.
struct LossInput {
  const DictionaryArrays& arrays;
  const float* u = nullptr;  // [rows, stride] the standardized rows
  const CodeRun& run;        // of the activation
  const Codes& codes;        // the decoded codes
  ForwardPass& pass;         // its rows, its output y, and its targets
};

// The gradients of a dictionary's codes, which the losses set together. `d_rows` has a block
// [rows, stride] of gradients of z W_d (s times those of y) for each code, or group of its latents.
struct LossGradients {
  const DictionaryArrays& arrays;
  const CodeRun& run;
  const float* d_output = nullptr;  // [rows, stride] gradient of y
  float* d_rows = nullptr;
  Index rows = 0;
  Index taken = 0;                 // count of blocks of `d_rows` in use
  LatentGroups groups = {};        // of the code: group g has block g
  const float* d_gates = nullptr;  // [nonzeros] of the code's gate values, or null
  CodeTerm* terms = nullptr;       // the code's term, which is set last, then those of other codes
  Index num_terms = 1;

  // The first row of the next unused block, for `CodeTerm::d_row`.
  Index take_block() { return taken++ * rows; }
  float* row(Index d_row) const { return d_rows + d_row * arrays.stride(); }
  Index block_floats() const { return rows * arrays.stride(); }
};

class ReconstructionLoss {
 public:
  virtual ~ReconstructionLoss() = default;

  // Adds the loss to the pass; sets `saved` to what the other methods take. It stays null if there
  // is nothing to compare.
  virtual void forward(const LossInput& input, void*& saved) const = 0;

  // Count of blocks that `backward` takes.
  virtual Index blocks(const void* saved) const = 0;

  // Adds to the gradients what the loss contributes.
  virtual void backward(void* saved, LossGradients& gradients, Arena& arena) const = 0;
};

// The errors of the reconstructions from prefixes of the latents, whose last one is the output:
// the model's own loss compares it, and its gradient becomes the block of the last group (Bussmann
// et al. 2025, "Learning multi-level features with Matryoshka sparse autoencoders", eq. 4).
// `prefixes`: ascending counts of latents.
std::unique_ptr<ReconstructionLoss> make_prefix_loss(std::vector<Index> prefixes, Index latents);

// The error of the reconstruction from a gated code's gate values, without a gradient of the
// decoder (Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse
// autoencoders", eq. 8).
std::unique_ptr<ReconstructionLoss> make_gate_loss();

// AuxK: `weight` times the error with which the k largest dead latents reconstruct the residual,
// which is held constant; a latent is dead after `dead_rows` rows without it (Gao et al. 2024,
// "Scaling and evaluating sparse autoencoders", appendix A.2). k = -1: half of the width.
std::unique_ptr<ReconstructionLoss> make_aux_k_loss(Index k, float weight, double dead_rows);

}  // namespace gatewise
