// Releases Python's lock for a scope.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace gatewise {

// Unlike pybind11's, it can be left by a daemon thread at the end of the interpreter: Python before
// 3.14 ends such a thread by unwinding its stack, which no destructor lets through by default, so
// the process would abort. The thread now stops here for good, as in Python 3.14.
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() noexcept(false) {
    while (is_finalizing()) std::this_thread::sleep_for(std::chrono::hours(1));
    PyEval_RestoreThread(state_);
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
  }

  PyThreadState* state_;
};

}  // namespace gatewise
