// The only module that uses OpenMP. A body gets a range of the items. Results do not depend on
// which thread runs it, since bodies split rows, experts and columns, but never a sum.
#pragma once

#include <pthread.h>

#include <limits>
#include <memory>
#include <type_traits>

#include "core/team.h"
#include "core/types.h"

namespace gatewise {

// Thread count for the next parallel_for of this thread: the value of `set_num_threads`, or the
// minimum of OpenMP's limit and the affinity (both read now) and the container's limit (read at
// import and after a fork); at most the limit of this thread.
int num_threads();

// Sets the count of all threads of the process; 0 returns to the default.
void set_num_threads(int count);

// Limits the count for calls of this thread alone; 0 removes the limit.
void limit_threads(int count);

// Installs the fork handlers: OpenMP's threads are released before a fork, so that parent and child
// can each start new ones.
void install_fork_handlers();

// Count of forks between the process that imported this module and this one.
int fork_count();

// Called at most every 20 ms by `thread` (Python's main thread, the only one that receives signals)
// while it works; if it returns true, the computation throws `Interrupted`. Inactive inside an
// `InterruptShield`. After a fork the thread is the one that forked.
using InterruptCheck = bool (*)();
void set_interrupt_check(InterruptCheck check, pthread_t thread = pthread_self());
void poll_interrupt();

// Disables interrupts for a scope: from the first write of a parameter, a step must complete.
class InterruptShield {
 public:
  InterruptShield();
  ~InterruptShield();
  InterruptShield(const InterruptShield&) = delete;
  InterruptShield& operator=(const InterruptShield&) = delete;
};

// A reference to a callable (Index begin, Index end) or (Index begin, Index end, int thread); no
// allocation, valid during the call.
class RangeBody {
 public:
  template <typename Body>
    requires(!std::is_same_v<std::remove_cvref_t<Body>, RangeBody>)
  RangeBody(Body&& body)  // NOLINT: converts from any callable on purpose
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(body)))),
        call_([](void* object, Index begin, Index end, int thread) {
          auto& callable = *static_cast<std::remove_reference_t<Body>*>(object);
          if constexpr (std::is_invocable_v<Body&, Index, Index, int>)
            callable(begin, end, thread);
          else
            callable(begin, end);
        }) {}

  void operator()(Index begin, Index end, int thread) const { call_(object_, begin, end, thread); }

 private:
  void* object_;
  void (*call_)(void*, Index, Index, int);
};

// Runs body over [0, count). Each thread gets a contiguous share and runs it in slices; a thread
// that is done takes slices of another's share (core/shares.h).
// `operations` is the work of one item in multiply-adds or loads; if the total is below the grain,
// everything runs on the calling thread. Denormals are flushed to zero while a body runs. An
// exception of a body is rethrown after all threads have ended. A body that takes its thread index,
// which is below `max_threads`, may use one scratch buffer per thread. Throws std::logic_error
// inside a body whose range several threads share: ranges do not nest.
// A slice has kMinSlice to `max_slice` operations, but at least one item.
inline constexpr int kAllThreads = std::numeric_limits<int>::max();
// Multiply-adds: at most a millisecond or two of work between two reads of the clock, at least
// 0.1 ms, since a slice may have to pack its input.
inline constexpr double kMinSlice = 4e6, kMaxSlice = 5e7;
void parallel_for(Index count, double operations, const RangeBody& body,
                  int max_threads = kAllThreads, double max_slice = kMaxSlice);

// Runs passes of one kind: the steps of a training, or the batches of a prediction. If the last
// pass had several parallel ranges, the other threads stand by during the whole next pass. One pass
// at a time.
class Standby {
 public:
  template <typename Pass>
  void run(const Pass& pass) {
    run_pass([&](int) { pass(); });
  }

 private:
  void run_pass(const Team::Work& pass);
  void run_in_team(const Team::Work& pass, int threads);

  Team team_;
  Index ranges_ = 0;  // of the last pass
};

}  // namespace gatewise
