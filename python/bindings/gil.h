// Releases Python's lock for a scope, or takes it again inside of one.
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
    stop_at_end();
    PyEval_RestoreThread(state_);
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

  // Does not return at the end of the interpreter.
  static void stop_at_end() {
    while (is_finalizing()) std::this_thread::sleep_for(std::chrono::hours(1));
  }

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

// Takes the lock on a thread that a `GilRelease` of an outer scope has let go of it.
class GilAcquire {
 public:
  GilAcquire() {
    GilRelease::stop_at_end();
    state_ = PyGILState_Ensure();
  }
  ~GilAcquire() { PyGILState_Release(state_); }
  GilAcquire(const GilAcquire&) = delete;
  GilAcquire& operator=(const GilAcquire&) = delete;

 private:
  PyGILState_STATE state_;
};

}  // namespace gatewise
