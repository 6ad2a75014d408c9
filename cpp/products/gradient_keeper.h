// A sink that stores gradients instead of updating, for gradients that are changed or summed before
// they are used.
#pragma once

#include "kernels/update.h"

namespace gatewise {

class GradientKeeper final : public UpdateSink {
 public:
  // Gradients of parameter `parameter` are added to `gradient`, laid out as one of its slices.
  void keep(int parameter, float* gradient) {
    if (parameter < 0) return;
    kept_[count_++] = {parameter, gradient};
  }

  UpdateTarget begin(int parameter, Index) override {
    UpdateTarget target;
    target.rule.use = GradientUse::kStore;
    for (int i = 0; i < count_; ++i)
      if (kept_[i].parameter == parameter) target.gradient = kept_[i].gradient;
    return target;
  }
  bool updates_inactive() const override { return false; }

 private:
  struct Kept {
    int parameter = -1;
    float* gradient = nullptr;
  };
  Kept kept_[2];
  int count_ = 0;
};

}  // namespace gatewise
