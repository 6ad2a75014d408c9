// A pool of objects that keep their memory between uses, each lent to one user at a time.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/fork_lock.h"
#include "core/types.h"

namespace gatewise {

// Bytes of workspace that an object keeps: its user drops one that has more than this, or than the
// parameters that it works on. To map and clear memory takes up to a seventh of the time of a call
// that needs it.
inline constexpr std::size_t kKeptBytes = std::size_t{64} << 20;
inline std::size_t kept_bytes(Index parameter_floats) {
  return std::max(kKeptBytes, sizeof(float) * static_cast<std::size_t>(parameter_floats));
}

template <typename T>
class IdlePool {
 public:
  // An object of the pool, returned to it when the loan is destroyed.
  class Loan {
   public:
    explicit Loan(IdlePool& pool) : pool_(pool), object_(pool.take()) {}
    ~Loan() {
      if (object_) pool_.put(std::move(object_));
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;

    T& operator*() const { return *object_; }
    T* operator->() const { return object_.get(); }
    // Frees the object and its memory.
    void drop() { object_.reset(); }

   private:
    IdlePool& pool_;
    std::unique_ptr<T> object_;
  };

 private:
  std::unique_ptr<T> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<T> object = std::move(idle_.back());
        idle_.pop_back();
        return object;
      }
    }
    return std::make_unique<T>();
  }
  void put(std::unique_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(object));
  }

  ForkSafeMutex mutex_;
  std::vector<std::unique_ptr<T>> idle_;
};

}  // namespace gatewise
