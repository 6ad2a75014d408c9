// A mutex that no other thread holds while the process forks: a child would wait forever for a
// thread that it does not have.
#pragma once

#include <mutex>

namespace gatewise {

class ForkSafeMutex {
 public:
  ForkSafeMutex();
  ~ForkSafeMutex();
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  friend void lock_all_mutexes();
  friend void unlock_all_mutexes();

  std::mutex mutex_;
  ForkSafeMutex* previous_ = nullptr;
  ForkSafeMutex* next_ = nullptr;
};

// Locks or unlocks all of them, before a fork and after it in both processes. A thread that holds
// one must neither create nor destroy another, nor wait for a second one.
void lock_all_mutexes();
void unlock_all_mutexes();

}  // namespace gatewise
