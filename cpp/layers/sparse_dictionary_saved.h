// What a dictionary's forward leaves for its backward.
#pragma once

#include "layers/sparse_dictionary.h"

namespace gatewise {

struct SparseDictionary::Saved {
  Arena* arena;
  float* u;  // [steps * rows, stride]
  CodeRun run;
  Codes codes;           // what is decoded: with several experts, the values times their weights
  const float* factors;  // [nonzeros] those weights, or null
  RouterRun routing;
  RunInfo routing_info;

  // Slopes of the losses of the layer itself, by the rows that they compare, [.., stride]; null
  // where there is none.
  float* d_prefixes;  // [(groups - 1) * rows, stride]
  float* d_gates;     // [rows, stride]
  float* d_dead;      // [rows, stride]
  Codes dead;
  const float* d_u_routed;  // [rows, stride] the router's part, or null

  // What the updates are made from.
  SortedTerms sorted;
  const float* d_rows;
  const char* inactive;      // of each expert, or null
  int parameter_indices[2];  // of the activation's parameters that `sorted` has sums for, or -1
  bool stored;               // the update is applied later: what has to follow it too
};

}  // namespace gatewise
