#include "core/parallel.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/congestion.h"
#include "core/errors.h"
#include "core/flush_to_zero.h"
#include "core/fork_lock.h"
#include "core/shares.h"

namespace gatewise {
namespace {

// An empty parallel region of two threads takes 0.6 microseconds (GCC 12, EPYC 9004, quiet), some
// 40,000 multiply-adds of one core; each thread must have at least that much work.
constexpr double kGrainOperations = 40e3;

constexpr auto kPollInterval = std::chrono::milliseconds(20);

std::atomic<int> chosen_threads{0};
thread_local int thread_limit = 0;
std::atomic<int> container_threads{0};
std::atomic<InterruptCheck> interrupt_check{nullptr};
pthread_t interruptible_thread{};
std::atomic<int> forks{0};
thread_local int shield_depth = 0;
thread_local Clock::time_point next_poll{};

// The CPU limit of the container: cgroup v2's cpu.max, or v1's quota and period. 0: no limit.
int read_container_limit() {
  double quota = 0, period = 0;
  std::string word;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> word >> period) {
    if (word == "max") return 0;
    quota = std::atof(word.c_str());
  } else {
    std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(quota_file >> quota && period_file >> period)) return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  return std::max(1, static_cast<int>(quota / period + 0.5));
}

void before_fork() {
  omp_pause_resource_all(omp_pause_soft);
  lock_all_mutexes();
}

void after_fork_in_parent() { unlock_all_mutexes(); }

void after_fork_in_child() {
  unlock_all_mutexes();
  ++forks;
  interruptible_thread = pthread_self();  // the child's main thread
  container_threads = read_container_limit();
}

bool poll_is_due() {
  if (shield_depth > 0 || interrupt_check.load(std::memory_order_relaxed) == nullptr) return false;
  if (!pthread_equal(pthread_self(), interruptible_thread)) return false;
  const auto now = Clock::now();
  if (now < next_poll) return false;
  next_poll = now + kPollInterval;
  return true;
}

bool is_interrupted() { return poll_is_due() && interrupt_check.load()(); }

thread_local Congestion congestion;

// The team that stands by for this thread, and its member count including this thread.
struct StandingTeam {
  Team* team = nullptr;
  int members = 1;
};
thread_local StandingTeam standing;

// Whether this thread runs items of a range that several threads share.
thread_local bool in_shared_range = false;

// Count of ranges that this thread has distributed over several threads since it started.
thread_local Index shared_ranges = 0;

// State shared by the threads of one region.
struct Region {
  const RangeBody& body;
  Shares shares;
  bool is_shared;  // by several threads
  std::atomic<bool> stopped{false};
  bool interrupted = false;
  std::exception_ptr error = nullptr;
  std::atomic_flag has_error = ATOMIC_FLAG_INIT;

  // Between two slices the calling thread checks for a signal.
  void run(int thread) {
    const FlushToZero flush;
    const bool was_in_shared_range = std::exchange(in_shared_range, is_shared);
    try {
      shares.for_each_slice(thread, [&](Index begin, Index end) {
        if (!stopped && is_interrupted()) interrupted = stopped = true;
        if (stopped) return false;
        body(begin, end, thread);
        return true;
      });
    } catch (...) {
      if (!has_error.test_and_set()) error = std::current_exception();
      stopped = true;
    }
    in_shared_range = was_in_shared_range;
  }
};

}  // namespace

int num_threads() {
  int count = chosen_threads;
  if (count == 0) {
    // OpenMP's count is that of the process, also where threads are bound (OMP_PROC_BIND) and the
    // mask of the calling thread holds one processor.
    count = std::min(omp_get_max_threads(), omp_get_num_procs());
    if (const int limit = container_threads; limit > 0) count = std::min(count, limit);
  }
  if (thread_limit > 0) count = std::min(count, thread_limit);
  return std::max(1, count);
}

void set_num_threads(int count) {
  require(count >= 0, "set_num_threads: expected count >= 0, got ", count);
  chosen_threads = count;
}

void limit_threads(int count) {
  require(count >= 0, "limit_threads: expected count >= 0, got ", count);
  thread_limit = count;
}

void install_fork_handlers() {
  container_threads = read_container_limit();
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

int fork_count() { return forks; }

void set_interrupt_check(InterruptCheck check, pthread_t thread) {
  interruptible_thread = thread;
  interrupt_check = check;
}

void poll_interrupt() {
  if (is_interrupted()) throw Interrupted();
}

InterruptShield::InterruptShield() { ++shield_depth; }
InterruptShield::~InterruptShield() { --shield_depth; }

void parallel_for(Index count, double operations, const RangeBody& body, int max_threads,
                  double max_slice) {
  if (in_shared_range) throw std::logic_error("parallel_for: called inside a shared range");
  if (count <= 0) return;
  const double total = operations * static_cast<double>(count);
  const Index useful = static_cast<Index>(total / kGrainOperations);
  int threads = 1;
  if (useful >= 2 && max_threads >= 2)
    threads =
        static_cast<int>(std::min<Index>({std::min(num_threads(), max_threads), useful, count}));
  if (threads > 1) ++shared_ranges;
  if (standing.team) threads = std::min(threads, standing.members);
  const bool watches = threads > 1 && chosen_threads == 0 && !standing.team;
  const auto start = watches ? Clock::now() : Clock::time_point();
  if (watches && congestion.is_active(start)) threads = 1;
  const auto items_of = [&](double slice_operations) {
    return std::max<Index>(1, static_cast<Index>(slice_operations / std::max(operations, 1.0)));
  };
  Region region{body, {count, threads, items_of(kMinSlice), items_of(max_slice)}, threads > 1};
  if (threads == 1) {
    region.run(0);
  } else if (standing.team) {
    standing.team->run(threads, [&](int thread) { region.run(thread); });
  } else {
    Clock::time_point begin, worked;
#pragma omp parallel num_threads(threads)
    {
      const int thread = omp_get_thread_num();
      if (watches && thread == 0) begin = Clock::now();
      region.run(thread);
      if (watches && thread == 0) worked = Clock::now();
    }
    if (watches) congestion.observe(begin, worked, Clock::now(), total);
  }
  if (region.error) std::rethrow_exception(region.error);
  if (region.interrupted) throw Interrupted();
}

void Standby::run_pass(const Team::Work& pass) {
  const Index before = shared_ranges;
  const bool worthwhile = ranges_ > 1 && !standing.team;
  const int threads = worthwhile ? num_threads() : 1;
  if (threads > 1 && (chosen_threads > 0 || !congestion.is_active(Clock::now())))
    run_in_team(pass, threads);
  else
    pass(0);
  ranges_ = shared_ranges - before;
}

void Standby::run_in_team(const Team::Work& pass, int threads) {
  team_.assemble(threads);
  std::exception_ptr error;
  Clock::time_point begin, worked;
#pragma omp parallel num_threads(threads)
  {
    if (const int thread = omp_get_thread_num(); thread > 0) {
      team_.serve(thread);
    } else {
      standing = {&team_, omp_get_num_threads()};
      begin = Clock::now();
      try {
        pass(0);
      } catch (...) {
        error = std::current_exception();
      }
      worked = Clock::now();
      team_.dismiss();
      standing = {};
    }
  }
  if (chosen_threads == 0)
    congestion.observe_pass(worked - begin - team_.waited(),
                            Clock::now() - worked + team_.waited());
  if (error) std::rethrow_exception(error);
}

}  // namespace gatewise
