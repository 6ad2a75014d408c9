#include "routing/balance.h"

#include <algorithm>

#include "core/parallel.h"

namespace gatewise {

Balance Balance::from_options(const Options& options) {
  Balance balance;
  balance.aux_loss = static_cast<float>(options.number_or("balance.aux_loss", 0));
  balance.z_loss = static_cast<float>(options.number_or("balance.z_loss", 0));
  balance.bias_rate = static_cast<float>(options.number_or("balance.bias", 0));
  require(balance.aux_loss >= 0 && balance.z_loss >= 0 && balance.bias_rate >= 0,
          "balance: expected weights >= 0");
  return balance;
}

double Balance::loss(const Scores& scores, Arena& arena) const {
  double total = 0;
  const auto rows = static_cast<double>(scores.rows);
  if (aux_loss > 0) {
    double* means = arena.take_zeroed<double>(scores.experts);
    // Threads split the experts, so each mean accumulates rows in order.
    parallel_for(scores.experts, rows, [&](Index begin, Index end) {
      for (Index i = 0; i < scores.rows; ++i)
        for (Index e = begin; e < end; ++e)
          means[e] += scores.scores[i * scores.stride + e] * scores.scales[i];
    });
    double sum = 0;
    for (Index e = 0; e < scores.experts; ++e)
      sum += static_cast<double>(scores.counts[e]) / static_cast<double>(scores.num_assignments) *
             means[e] / rows;
    total += aux_loss * static_cast<double>(scores.experts) * sum;
  }
  if (z_loss > 0) {
    double sum = 0;
    for (Index i = 0; i < scores.rows; ++i)
      sum += static_cast<double>(scores.log_sums[i]) * scores.log_sums[i];
    total += z_loss * sum / rows;
  }
  return total;
}

void Balance::add_aux_gradient(const Index* counts, Index num_assignments, Index rows,
                               Index experts, float* d_probabilities) const {
  for (Index e = 0; e < experts; ++e) {
    const double share = static_cast<double>(counts[e]) / static_cast<double>(num_assignments);
    d_probabilities[e] += static_cast<float>(aux_loss * static_cast<double>(experts) * share /
                                             static_cast<double>(rows));
  }
}

float Balance::z_loss_derivative(float log_sum, Index rows) const {
  return 2 * z_loss * log_sum / static_cast<float>(rows);
}

void Balance::update_bias(const Index* counts, Index experts, Index num_assignments,
                          float* bias) const {
  for (Index e = 0; e < experts; ++e) {
    const Index excess = counts[e] * experts - num_assignments;
    if (excess != 0) bias[e] += excess < 0 ? bias_rate : -bias_rate;
  }
}

}  // namespace gatewise
