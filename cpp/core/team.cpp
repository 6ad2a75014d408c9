#include "core/team.h"

#include <thread>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace gatewise {
namespace {

// A waiting thread first spins (some 50 microseconds), then yields its core between checks (some
// milliseconds), then sleeps. These are the check counts of the first two phases.
constexpr int kSpins = 2000;
constexpr int kYields = 2000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

void Team::assemble(int threads) {
  if (posts_.size() < static_cast<std::size_t>(threads)) posts_ = std::vector<Post>(threads);
  for (Post& post : posts_) post.state.store(kIdle, std::memory_order_relaxed);
  waited_ = {};
}

int Team::wait_while_idle(Post& post) {
  for (int spin = 0;; ++spin) {
    const int state = post.state.load(std::memory_order_acquire);
    if (state != kIdle) return state;
    if (spin < kSpins)
      pause();
    else if (spin < kSpins + kYields)
      std::this_thread::yield();
    else
      post.state.wait(kIdle, std::memory_order_acquire);
  }
}

void Team::post(Post& post, State state) {
  post.state.store(state, std::memory_order_release);
  post.state.notify_one();  // only a load if no thread sleeps
}

void Team::serve(int thread) {
  Post& post = posts_[thread];
  while (wait_while_idle(post) != kDismissed) {
    int posted = kPosted;
    if (!post.state.compare_exchange_strong(posted, kTaken, std::memory_order_acquire)) continue;
    work_(thread);
    post.state.store(kIdle, std::memory_order_release);
  }
}

void Team::wait_until_idle(const Post& post) {
  const auto is_idle = [&] { return post.state.load(std::memory_order_acquire) == kIdle; };
  for (int spin = 0; spin < kSpins; ++spin) {
    if (is_idle()) return;
    pause();
  }
  const auto start = Clock::now();
  while (!is_idle()) std::this_thread::yield();
  waited_ += Clock::now() - start;
}

void Team::run(int shares, const Work& work) {
  work_ = work;
  for (int share = 1; share < shares; ++share) post(posts_[share], kPosted);
  work(0);
  for (int share = 1; share < shares; ++share) {
    int posted = kPosted;
    if (posts_[share].state.compare_exchange_strong(posted, kIdle, std::memory_order_acquire))
      work(share);
    else
      wait_until_idle(posts_[share]);
  }
}

void Team::dismiss() {
  for (Post& each : posts_) post(each, kDismissed);
}

}  // namespace gatewise
