// Gated units that share weights: u_i = m(g_i) f(s_i * h_c(i) + b_i), h_c = x V_c, one for each
// group of units, g_i = sigmoid(x . w_i + a_i). A unit is open where g_i > tau.
//
// A row's group is computed where one of its units is: a shut unit costs its gate and nothing more.
#pragma once

#include "layers/layer.h"
#include "routing/dispatch.h"

namespace gatewise {

class GatedExpertsLayer final : public Layer {
 public:
  explicit GatedExpertsLayer(const Options& options);

  void forward(ForwardPass& pass) const override;
  void backward(BackwardPass& pass) const override;
  bool reads_sparse() const override { return true; }

  // g [rows, units] with `stride`, the units rounded up to whole registers.
  const float* gates(const Input& x, Index rows, Index& stride, Arena& arena) const;

  const std::vector<Index>& groups() const { return groups_; }
  // Joins groups: unit i goes to group `groups[i]`, whose matrix becomes the mean of those that its
  // units had. Numbers from 0 on without a gap, no more than there are groups now.
  void set_groups(const std::vector<Index>& groups);

 protected:
  Index declare(const std::vector<Index>& input_widths) override;

 private:
  // How a shut unit learns in training: not at all, by the slope it would have if it were open, or
  // by a smooth threshold.
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

  Index units_;
  Index width_;  // p, of a unit
  std::vector<Index> groups_;
  Index group_count_;
  Activation activation_;
  bool sums_;  // whether the output is the sum of the units and not all side by side
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
