// Values that a dictionary's forward pass keeps for its backward.
#pragma once

#include "layers/sparse_dictionary.h"

namespace gatewise {

struct SparseDictionary::Saved {
  Arena* arena;
  float* u;  // [steps * rows, stride]
  CodeRun run;
  Codes codes;           // the decoded codes; with several experts, values times weights
  const float* factors;  // [nonzeros] the weights, or null
  RouterRun routing;
  RunInfo routing_info;

  // Gradients of the layer's own losses with respect to the rows they compare; null without the
  // loss.
  float* d_prefixes;  // [(groups - 1) * rows, stride]
  float* d_gates;     // [rows, stride]
  float* d_dead;      // [rows, stride]
  Codes dead;
  const float* d_u_routed;  // [rows, stride] the router's part of d_u, or null

  // Inputs of the updates.
  SortedTerms sorted;
  const float* d_rows;
  const char* inactive;      // [experts], or null
  int parameter_indices[2];  // of the activation's parameters that `sorted` has sums for, or -1
  bool stored;               // updates are applied later; finish_step completes them
};

}  // namespace gatewise
