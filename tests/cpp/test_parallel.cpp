#include "core/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <set>
#include <stdexcept>
#include <thread>

#include "networks.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr double kCostPerItem =
    1e6;  // multiply-adds per item: enough to use a thread for any item count

}  // namespace

TEST_CASE("parallel_for covers every item once on the requested thread count") {
  for (int count = 1; count <= 4; ++count) {
    const Threads threads(count);
    CHECK(num_threads() == count);
    for (const Index items : {0, 1, 2, 3, 7, 1000}) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(items));
      std::vector<std::atomic<int>> used(8);
      const auto teams = [&] {
        return std::count_if(used.begin(), used.end(), [](const auto& times) { return times > 0; });
      };
      // Threads wait until all have begun; else a fast thread would do the share of a late one.
      const auto all_begun = [&] { return teams() >= std::min<Index>(count, items); };
      const auto deadline = Clock::now() + std::chrono::seconds(10);
      parallel_for(items, kCostPerItem, [&](Index begin, Index end) {
        ++used[omp_get_thread_num()];
        while (!all_begun() && Clock::now() < deadline) std::this_thread::yield();
        for (Index i = begin; i < end; ++i) ++seen[i];
      });
      bool is_once = true;
      for (const auto& times : seen) is_once &= times == 1;
      INFO(count, " threads, ", items, " items");
      CHECK(is_once);
      CHECK(teams() == std::min<Index>(count, items));
    }
  }
}

TEST_CASE("a thread that is done takes slices of another thread's share") {
  const Threads threads(2);
  constexpr Index kItems = 200;
  std::vector<int> done_by(kItems, -1);
  const std::thread::id caller = std::this_thread::get_id();
  // The other thread sleeps in each of its slices.
  parallel_for(kItems, kCostPerItem, [&](Index begin, Index end, int thread) {
    if (std::this_thread::get_id() != caller)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (Index i = begin; i < end; ++i) done_by[i] = thread;
  });
  CHECK(std::count(done_by.begin(), done_by.end(), 0) > kItems / 2 + 10);
  CHECK(std::count(done_by.begin(), done_by.end(), -1) == 0);
}

TEST_CASE("parallel_for runs on the calling thread alone below the grain") {
  const Threads threads(4);
  std::set<std::thread::id> ids;
  parallel_for(100, 10, [&](Index, Index) { ids.insert(std::this_thread::get_id()); });
  CHECK(ids == std::set<std::thread::id>{std::this_thread::get_id()});
}

TEST_CASE("limit_threads limits the count of its own thread alone") {
  set_num_threads(4);
  int of_other = 0, of_large_limit = 0;
  std::thread other([&] {
    limit_threads(2);
    of_other = num_threads();
    limit_threads(9);
    of_large_limit = num_threads();
  });
  other.join();
  CHECK(of_other == 2);
  CHECK(of_large_limit == 4);
  CHECK(num_threads() == 4);
  CHECK_THROWS_AS(limit_threads(-1), std::invalid_argument);
  set_num_threads(0);
}

TEST_CASE("set_num_threads refuses a negative count and takes 0 for the default") {
  const int usual = num_threads();
  CHECK_THROWS_AS(set_num_threads(-1), std::invalid_argument);
  set_num_threads(3);
  set_num_threads(0);
  CHECK(num_threads() == usual);
  CHECK(usual >= 1);
}

TEST_CASE("parallel_for rethrows an exception of its body from any thread and from all at once") {
  for (int count = 1; count <= 4; ++count) {
    const Threads threads(count);
    for (Index bad = 0; bad < 4; ++bad) {
      const auto run = [&] {
        parallel_for(4, kCostPerItem, [&](Index begin, Index end) {
          if (begin <= bad && bad < end) throw std::out_of_range("item");
        });
      };
      CHECK_THROWS_WITH_AS(run(), "item", std::out_of_range);
    }
    const auto run_all = [] {
      parallel_for(64, kCostPerItem, [](Index, Index) { throw std::runtime_error("every"); });
    };
    CHECK_THROWS_WITH_AS(run_all(), "every", std::runtime_error);
    std::atomic<Index> items{0};
    parallel_for(64, kCostPerItem, [&](Index begin, Index end) { items += end - begin; });
    CHECK(items == 64);
  }
}

#if defined(__x86_64__)
namespace {

constexpr unsigned kFlush = 0x8040;

// The control words of the calling thread's team of `count`.
std::vector<unsigned> control_words(int count) {
  std::vector<unsigned> words(static_cast<std::size_t>(count));
#pragma omp parallel num_threads(count)
  words[omp_get_thread_num()] = _mm_getcsr();
  return words;
}

}  // namespace

TEST_CASE("flush-to-zero is set in a body and restored after it on every thread") {
  const Threads threads(4);
  const std::vector<unsigned> before = control_words(4);
  for (const unsigned word : before) REQUIRE((word & kFlush) == 0);
  std::atomic<int> flushing{0};
  volatile float min_normal = std::numeric_limits<float>::min();
  parallel_for(4, kCostPerItem, [&](Index, Index) {
    flushing += (_mm_getcsr() & kFlush) == kFlush && min_normal * 0.5f == 0.0f;
  });
  CHECK(flushing == 4);
  CHECK(control_words(4) == before);
  CHECK(min_normal * 0.5f > 0.0f);
}

TEST_CASE("flush-to-zero is restored after an exception") {
  const Threads threads(4);
  const std::vector<unsigned> before = control_words(4);
  const auto run = [] { parallel_for(4, kCostPerItem, [](Index, Index) { throw 1; }); };
  CHECK_THROWS_AS(run(), int);
  CHECK(control_words(4) == before);
}

TEST_CASE("parallel_for keeps a control word that the caller set") {
  const Threads threads(4);
  const auto set_all = [](bool rounds_up) {
#pragma omp parallel num_threads(4)
    _mm_setcsr((_mm_getcsr() & ~0x6000u) | (rounds_up ? 0x4000u : 0u));
  };
  set_all(true);
  const std::vector<unsigned> before = control_words(4);
  parallel_for(4, kCostPerItem, [](Index, Index) {});
  const std::vector<unsigned> after = control_words(4);
  set_all(false);
  CHECK(after == before);
}
#endif
