// Threads that stand by between the parallel ranges of one pass. Handing work to two threads takes
// 0.2 microseconds, starting a parallel region 0.8 (GCC 12's libgomp), and a small training step
// has more than ten ranges.
#pragma once

#include <atomic>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/congestion.h"

namespace gatewise {

class Team {
 public:
  // A reference to a callable (int share), valid during the call.
  class Work {
   public:
    Work() = default;
    template <typename Body>
      requires(!std::is_same_v<std::remove_cvref_t<Body>, Work>)
    Work(const Body& body)  // NOLINT: converts from any callable on purpose
        : object_(std::addressof(body)),
          call_([](const void* object, int share) { (*static_cast<const Body*>(object))(share); }) {
    }

    void operator()(int share) const { call_(object_, share); }

   private:
    const void* object_ = nullptr;
    void (*call_)(const void*, int) = nullptr;
  };

  // Prepares for `threads` threads, the caller included. Members may `serve` until `dismiss`.
  void assemble(int threads);

  // Runs the work that `run` assigns to thread `thread` (1 or more) of the team, until dismissed.
  void serve(int thread);

  // Runs shares 0 to shares - 1 of the work and returns when all are done. The caller runs share 0,
  // thread i runs share i. If a thread has not started when the caller is done with its own share,
  // the caller runs that share too, so nobody waits for a thread that is not scheduled. `work` must
  // not throw.
  void run(int shares, const Work& work);

  // Ends `serve` on all threads.
  void dismiss();

  // Time that the caller spent since `assemble` in waits of more than some 50 microseconds.
  Clock::duration waited() const { return waited_; }

 private:
  enum State : int { kIdle, kPosted, kTaken, kDismissed };

  // Two cache lines, since processors prefetch them in pairs.
  struct alignas(128) Post {
    std::atomic<int> state{kIdle};
  };

  static int wait_while_idle(Post& post);
  static void post(Post& post, State state);
  void wait_until_idle(const Post& post);

  std::vector<Post> posts_;  // by thread; the caller's is not used
  Work work_;
  Clock::duration waited_{};
};

}  // namespace gatewise
