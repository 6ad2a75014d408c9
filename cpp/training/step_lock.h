// One step of a trainer at a time.
#pragma once

#include <atomic>

#include "core/errors.h"

namespace gatewise {

class StepLock {
 public:
  explicit StepLock(std::atomic<bool>& in_step) : in_step_(in_step) {
    if (in_step_.exchange(true)) throw Busy("step: another step of this trainer is running");
  }
  ~StepLock() { in_step_ = false; }
  StepLock(const StepLock&) = delete;
  StepLock& operator=(const StepLock&) = delete;

 private:
  std::atomic<bool>& in_step_;
};

}  // namespace gatewise
