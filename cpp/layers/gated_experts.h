// Gated units that share weights: u_i = m(g_i) f(s_i * h_c(i) + b_i) with g_i = sigmoid(x . w_i +
// a_i) and one h_c = x V_c for each group c of units. A unit is open if g_i > tau.
//
// h_c of a row is computed if one of its units is: a shut unit costs only its gate.
#pragma once

#include "layers/layer.h"
#include "routing/dispatch.h"

namespace gatewise {

class GatedExpertsLayer final : public Layer {
 public:
  explicit GatedExpertsLayer(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) override;
  bool reads_sparse() const override { return true; }

  // Returns g [rows, units] with `stride`, the unit count rounded up to whole registers.
  const float* gates(const Input& x, Index rows, Index& stride, Arena& arena) const;

  const std::vector<Index>& groups() const { return groups_; }
  // Moves unit i to group `groups[i]`, whose matrix becomes the mean of the previous matrices of
  // its units. Indices start at 0 without gaps; there may be no more groups than at first. A group
  // of the units of a previous one keeps its optimizer state, any other starts with none.
  void set_groups(const std::vector<Index>& groups);

 protected:
  Index declare(const std::vector<Index>& input_widths) override;

 private:
  // How a shut unit learns in training: not at all, with the derivative of an open unit, or through
  // a smooth threshold.
  enum class Gate { kHard, kStraightThrough, kSoft };
  struct Saved;

  bool computes_all(bool training) const { return training && gate_ != Gate::kHard; }
  void open_gates(ForwardPass& pass, Saved& saved) const;
  void open_register(const Saved& saved, Index at, bool training) const;
  double open_penalty(Saved& saved, Index rows, Arena& arena) const;
  void choose_groups(Index rows, bool training, Saved& saved, Arena& arena) const;
  void units_forward(ForwardPass& pass, const Saved& saved) const;
  void units_backward(BackwardPass& pass, const Saved& saved, float* d_gates, float* d_h) const;
  void update_units(BackwardPass& pass, const Saved& saved) const;
  std::vector<Index> ids_after(const std::vector<Index>& groups, Index count);

  Index units_;
  Index width_;  // p, width of a unit
  std::vector<Index> groups_;
  Index group_count_;
  Index next_group_id_;
  Activation activation_;
  bool sums_;  // true: output is the sum of the units; false: concatenated
  Gate gate_;
  float threshold_;
  float temperature_;
  float open_share_;
  float open_weight_;
  int kernel_ = -1;
  int scale_ = -1;
  int bias_ = -1;
  int gate_kernel_ = -1;
  int gate_bias_ = -1;
};

}  // namespace gatewise
