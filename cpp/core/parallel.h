// The only place that uses OpenMP. A body gets a range of the items; which thread runs it never
// changes a result, since bodies split rows, experts and columns and no sum.
#pragma once

#include <limits>
#include <memory>
#include <type_traits>

#include "core/team.h"
#include "core/types.h"

namespace gatewise {

// The number of threads for the next parallel_for of this thread: `set_num_threads`, or the least
// of OpenMP's limit and the affinity (both read now) and the container's limit (read at import and
// after a fork).
int num_threads();

// 0 returns to the default.
void set_num_threads(int count);

// Installs the fork handlers: OpenMP's threads are given up before a fork, so that parent and child
// can each start their own.
void install_fork_handlers();

// How many forks lie between the process that imported this module and this one.
int fork_count();

// What the thread that sets it (Python's main thread: only that one gets signals) asks while it
// works, at most every 20 ms: true stops the computation by `Interrupted`. Inactive inside an
// `InterruptShield`.
using InterruptCheck = bool (*)();
void set_interrupt_check(InterruptCheck check);
void poll_interrupt();

// From the first write of a parameter on, a step completes.
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

// Runs body over [0, count): a contiguous share of it each thread, in slices one after the other; a
// thread that is done takes slices of another's share (core/shares.h).
// `operations` is the work of one item in multiply-adds or loads; below the grain all of it runs on
// the calling thread. Denormals are flushed to zero while a body runs. An exception of a body is
// thrown again after all have ended. A body that takes the number of its thread, below
// `max_threads`, may keep scratch for each.
void parallel_for(Index count, double operations, const RangeBody& body,
                  int max_threads = std::numeric_limits<int>::max());

// Runs passes of one kind: the steps of a training, the batches of a prediction. Where the last one
// had several parallel ranges, the other threads stand by for all of the next. One pass at a time.
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
