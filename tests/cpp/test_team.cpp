#include "core/team.h"

#include <omp.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

constexpr double kCostPerItem =
    1e6;  // multiply-adds per item: enough to use a thread for any item count

// Runs one pass of `ranges` ranges; true if each covered every item once.
bool covers_all(Standby& standby, int ranges, Index items, bool* in_team = nullptr) {
  bool is_once = true;
  standby.run([&] {
    if (in_team) *in_team = omp_in_parallel();
    for (int range = 0; range < ranges; ++range) {
      std::vector<std::atomic<int>> seen(static_cast<std::size_t>(items));
      parallel_for(items, kCostPerItem, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) ++seen[i];
      });
      for (const auto& times : seen) is_once &= times == 1;
    }
  });
  return is_once;
}

}  // namespace

TEST_CASE("the caller does a share that no thread has begun") {
  Team team;
  team.assemble(3);
  std::vector<std::thread::id> done_by(3);
  team.run(3, [&](int share) { done_by[share] = std::this_thread::get_id(); });
  for (const std::thread::id id : done_by) CHECK(id == std::this_thread::get_id());
  team.dismiss();
  team.serve(1);  // a late thread returns at once
}

TEST_CASE("standby threads do their shares, and wake after a long sleep") {
  Team team;
  team.assemble(2);
  std::thread other([&] { team.serve(1); });
  const std::thread::id thread_id = other.get_id();
  for (int repeat = 0; repeat < 3; ++repeat) {
    std::vector<std::thread::id> done_by(2);
    std::atomic<bool> begun{false};
    // The caller waits in its share until the other thread has begun.
    team.run(2, [&](int share) {
      done_by[share] = std::this_thread::get_id();
      if (share == 1) begun = true;
      while (!begun) std::this_thread::yield();
    });
    CHECK(done_by[0] == std::this_thread::get_id());
    CHECK(done_by[1] == thread_id);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  team.dismiss();
  other.join();
}

TEST_CASE("a pass after one of several ranges keeps its threads and does every item once") {
  for (int count = 1; count <= 4; ++count) {
    const Threads threads(count);
    INFO(count, " threads");
    Standby standby;
    bool in_team = true;
    CHECK(covers_all(standby, 3, 100, &in_team));
    CHECK(!in_team);
    for (const Index items : {0, 1, 2, 3, 7, 1000}) CHECK(covers_all(standby, 3, items));
    CHECK(covers_all(standby, 3, 100, &in_team));
    CHECK(in_team == (count > 1));
    // One range alone does not need a team.
    CHECK(covers_all(standby, 1, 100));
    CHECK(covers_all(standby, 3, 100, &in_team));
    CHECK(!in_team);
  }
}

TEST_CASE("a thousand passes do every item once") {
  const Threads threads(4);
  Standby standby;
  bool is_once = true;
  for (int pass = 0; pass < 1000; ++pass)
    is_once &= covers_all(standby, 1 + pass % 5, 4 + pass % 3);
  CHECK(is_once);
}

TEST_CASE("a pass rethrows an exception and the next pass runs") {
  const Threads threads(2);
  Standby standby;
  CHECK(covers_all(standby, 3, 10));
  const auto fail_in = [&](bool in_range) {
    standby.run([&] {
      parallel_for(8, kCostPerItem, [](Index, Index) {});
      if (!in_range) throw std::out_of_range("pass");
      parallel_for(8, kCostPerItem, [](Index, Index) { throw std::out_of_range("pass"); });
    });
  };
  CHECK_THROWS_WITH_AS(fail_in(false), "pass", std::out_of_range);
  CHECK(covers_all(standby, 3, 10));
  CHECK_THROWS_WITH_AS(fail_in(true), "pass", std::out_of_range);
  CHECK(covers_all(standby, 3, 10));
}

TEST_CASE("ranges do not nest, with and without a team") {
  const auto nest = [] {
    parallel_for(8, kCostPerItem,
                 [](Index, Index) { parallel_for(8, kCostPerItem, [](Index, Index) {}); });
  };
  Standby standby;
  {
    const Threads threads(2);
    CHECK_THROWS_AS(nest(), std::logic_error);
    CHECK(covers_all(standby, 3, 10));
    bool in_team = false;
    CHECK(covers_all(standby, 3, 10, &in_team));
    CHECK(in_team);
    CHECK_THROWS_AS(standby.run(nest), std::logic_error);
    CHECK(covers_all(standby, 3, 10));
  }
  // On one thread a range is a loop.
  const Threads threads(1);
  CHECK_NOTHROW(nest());
}
