// Threads that stand by between the parallel ranges of one pass. Handing them work takes a fifth of
// what starting a parallel region does (0.2 microseconds against 0.8 for two threads, GCC 12's
// libgomp), and a small training step has more than ten ranges.
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

  // Room for `threads` threads, the caller's included. Until `dismiss`, members may serve.
  void assemble(int threads);

  // As thread `thread` of the team, 1 or more: does what `run` hands it, until dismissed.
  void serve(int thread);

  // Does shares 0 to shares - 1 of the work and returns when all are done. Share 0 is the caller's,
  // each other that of the thread with its thread, but a thread that has not begun when the caller
  // is through with its own loses its share to the caller: nobody waits for a thread that does not
  // run. `work` must not throw.
  void run(int shares, const Work& work);

  // Sends everybody home.
  void dismiss();

  // What the caller spent on waits of more than some 50 microseconds since `assemble`.
  Clock::duration waited() const { return waited_; }

 private:
  enum State : int { kIdle, kPosted, kTaken, kDismissed };

  // Two cache lines: a processor fetches them in pairs.
  struct alignas(128) Post {
    std::atomic<int> state{kIdle};
  };

  static int wait_while_idle(Post& post);
  static void post(Post& post, State state);
  void wait_until_idle(const Post& post);

  std::vector<Post> posts_;  // by thread; the caller's own is not used
  Work work_;
  Clock::duration waited_{};
};

}  // namespace gatewise
