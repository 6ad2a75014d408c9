// A pool of objects that keep their memory between uses, each lent to one user at a time.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace gatewise {

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
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<T>();
    std::unique_ptr<T> object = std::move(idle_.back());
    idle_.pop_back();
    return object;
  }
  void put(std::unique_ptr<T> object) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(object));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> idle_;
};

}  // namespace gatewise
