// User mistakes throw before any work starts; Python sees ValueError and KeyboardInterrupt.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace gatewise {

// Thrown out of a computation when the interrupt check returns true; no parameter has been written.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

// Thrown by a call that is not allowed during another call on the same layers; RuntimeError in
// Python.
class Busy : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace gatewise
