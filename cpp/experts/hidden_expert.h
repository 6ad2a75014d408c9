// What the experts with one hidden layer share: its width, activation and bias.
#pragma once

#include "experts/expert.h"

namespace gatewise {

class HiddenExpert : public Expert {
 public:
  explicit HiddenExpert(const Options& options)
      : hidden_(options.integer("expert.hidden")),
        activation_(expert_activation(options)),
        use_bias_(options.flag("expert.use_bias")) {
    require(hidden_ >= 1, "hidden: expected at least 1, got ", hidden_);
  }

 protected:
  Input hidden_rows(const ExpertRun& run) const {
    return {.dense = {run.hidden, run.stride}, .width = hidden_};
  }

  Index hidden_;
  Activation activation_;
  bool use_bias_;
};

}  // namespace gatewise
