// After a fork, parent and child can both start threads again.
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "core/parallel.h"
#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Whether a parallel region uses two threads and covers all items.
bool runs_two_threads() {
  std::atomic<Index> items{0};
  std::atomic<int> threads{0};
  // The first thread waits up to 5 seconds for the other; else it would do all of the work.
  const auto deadline = Clock::now() + std::chrono::seconds(5);
  parallel_for(1000, 1e6, [&](Index begin, Index end) {
    items += end - begin;
    threads |= 1 << omp_get_thread_num();
    while (threads != 3 && Clock::now() < deadline) std::this_thread::yield();
  });
  return items == 1000 && threads == 3;
}

// The exit code of a child that runs a parallel region, or -1 if it hangs for 5 seconds.
int exit_code_of_child() {
  const pid_t child = fork();
  if (child == 0) _exit(runs_two_threads() ? 0 : 1);
  for (int waited = 0; waited < 500; ++waited) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return -1;
}

void install_once() {
  static const bool installed = (install_fork_handlers(), true);
  static_cast<void>(installed);
}

}  // namespace

TEST_CASE("a child forked after a parallel region runs two threads and exits") {
  install_once();
  const Threads threads(2);
  REQUIRE(runs_two_threads());
  for (int round = 0; round < 3; ++round) {
    CHECK(exit_code_of_child() == 0);
    CHECK(runs_two_threads());
  }
}

TEST_CASE("a child forked from a secondary thread runs two threads and exits") {
  install_once();
  const Threads threads(2);
  REQUIRE(runs_two_threads());
  int code = -3;
  bool parent_runs = false;
  std::thread([&] {
    parent_runs = runs_two_threads();
    code = exit_code_of_child();
    parent_runs &= runs_two_threads();
  }).join();
  CHECK(code == 0);
  CHECK(parent_runs);
  CHECK(runs_two_threads());
}
