#include "core/fork_lock.h"

namespace gatewise {
namespace {

// Guards the list of all mutexes. Never destroyed: layers may outlive static objects.
std::mutex& list_mutex() {
  static auto* mutex = new std::mutex;
  return *mutex;
}
ForkSafeMutex* first = nullptr;

}  // namespace

ForkSafeMutex::ForkSafeMutex() {
  const std::lock_guard lock(list_mutex());
  next_ = first;
  if (first) first->previous_ = this;
  first = this;
}

ForkSafeMutex::~ForkSafeMutex() {
  const std::lock_guard lock(list_mutex());
  (previous_ ? previous_->next_ : first) = next_;
  if (next_) next_->previous_ = previous_;
}

void lock_all_mutexes() {
  list_mutex().lock();
  for (ForkSafeMutex* each = first; each; each = each->next_) each->mutex_.lock();
}

void unlock_all_mutexes() {
  for (ForkSafeMutex* each = first; each; each = each->next_) each->mutex_.unlock();
  list_mutex().unlock();
}

}  // namespace gatewise
