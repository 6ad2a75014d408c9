// After the first steps a training step allocates nothing, however the routing changes.
#include <atomic>
#include <cstdlib>
#include <new>

#include "networks.h"

namespace {

std::atomic<std::int64_t> news{0};

void* counted_allocation(std::size_t bytes) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// Counts every `new` of the test binary; the core uses no over-aligned `new`. (valgrind replaces
// these operators: with it, exclude "the allocation counters count" and add
// --show-mismatched-frees=no.)
void* operator new(std::size_t bytes) { return counted_allocation(bytes); }
void* operator new[](std::size_t bytes) { return counted_allocation(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_allocation(bytes);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace gatewise;
using namespace gatewise::reference;

namespace {

std::int64_t allocations() { return news + allocation_counter(); }

struct Run1000 {
  std::int64_t allocated = 0;  // allocations after the first step
  Index first_step = -1;       // first later step that allocated
  Index patterns = 0;          // how often the load changed
};

// `steps` steps on batches from one cluster, two clusters and all in turn; some are smaller.
Run1000 train(Trainer& trainer, const Dataset& data, SparseExpertLayer& experts, Index steps) {
  RandomGenerator rng(3);
  std::vector<Index> samples(96);
  Run1000 result;
  std::vector<Index> last_load;
  for (Index step = 0; step < steps; ++step) {
    const Index spread = step % 3 == 0 ? 256 : 64 * (step % 3);
    const Index start = 64 * rng.below(4);
    for (Index& sample : samples) sample = (start + rng.below(spread)) % kSamples;
    const Index count = step > 0 && step % 7 == 0 ? 1 + rng.below(95) : 96;
    std::vector<Index>& load = *experts.training_load();
    std::fill(load.begin(), load.end(), 0);
    const std::int64_t before = allocations();
    trainer.train_step(data, samples.data(), count);
    const std::int64_t made = allocations() - before;
    if (step >= 1 && made > 0 && result.first_step < 0) result.first_step = step;
    if (step >= 1) result.allocated += made;
    result.patterns += load != last_load;
    last_load = load;
  }
  return result;
}

void check_no_allocation(const std::string& router, const std::string& expert, bool is_sparse,
                         std::unique_ptr<Optimizer> optimizer, Index steps,
                         WeightGroups groups = WeightGroups::kNone) {
  const Samples samples;
  const Dataset data = samples.dataset(is_sparse);
  const auto network = make_network(router, expert, is_sparse);
  auto& experts = dynamic_cast<SparseExpertLayer&>(*network->nodes()[is_sparse ? 0 : 1].layer);
  if (groups != WeightGroups::kNone) {
    Parameter& kernel = experts.parameters().find("kernel_in");
    kernel.l1 = kernel.l2 = 1e-3f;
    kernel.groups = groups;
  }
  const auto trainer = make_trainer(network, std::move(optimizer));
  const Run1000 run = train(*trainer, data, experts, steps);
  INFO(router, ", ", expert, std::string(is_sparse ? ", CSR" : ""), ": first in step ",
       run.first_step);
  CHECK(run.allocated == 0);
  if (router != "all" && router != "static") CHECK(run.patterns > steps / 2);
}

}  // namespace

TEST_CASE("the allocation counters count") {
  const std::int64_t before = allocations();
  const std::vector<int> values(100);
  const AlignedBuffer buffer(100);
  CHECK(allocations() - before == 2);
}

TEST_CASE("1,000 steps with changing routing allocate nothing after the first") {
  const Threads threads(1);
  check_no_allocation("top_k", "mlp", false, adam(), 1000);
}

TEST_CASE("steps on two threads allocate nothing after the first") {
  const Threads threads(2);
  check_no_allocation("top_k", "mlp", false, adam(), 100);
}

TEST_CASE("steps of every router and expert allocate nothing after the first") {
  const Threads threads(1);
  for (const std::string& router : Registry<Router>::kinds())
    for (const std::string& expert : Registry<Expert>::kinds())
      if (are_compatible(router, expert)) check_no_allocation(router, expert, false, adam(), 150);
}

TEST_CASE("steps that store gradients for clipping allocate nothing after the first") {
  const Threads threads(1);
  auto optimizer = adam();
  optimizer->global_clip_norm = 0.5;
  optimizer->clip_norm = 0.2;
  optimizer->dense_updates = true;
  check_no_allocation("top_k", "linear", false, std::move(optimizer), 300);
}

TEST_CASE(
    "steps of an optimizer of whole slices, with averages, allocate nothing after the first") {
  const Threads threads(1);
  Options options;
  options.set("kind", std::string("adafactor"));
  options.set("learning_rate", 0.01);
  options.set("ema_momentum", 0.9);
  check_no_allocation("top_k", "mlp", false, Optimizer::create(options), 100);
}

TEST_CASE("steps with group penalties allocate nothing after the first") {
  const Threads threads(1);
  for (const WeightGroups groups : {WeightGroups::kInputs, WeightGroups::kUnits})
    check_no_allocation("top_k", "mlp", false, adam(), 100, groups);
}

TEST_CASE("steps on CSR rows allocate nothing once the arena fits the largest batch") {
  const Threads threads(1);
  const Samples samples;
  const Dataset data = samples.dataset(true);
  const auto network = make_network("top_k", "linear", true);
  const auto trainer = make_trainer(network, adam());
  auto& experts = dynamic_cast<SparseExpertLayer&>(*network->nodes()[0].layer);
  train(*trainer, data, experts, 20);
  CHECK(train(*trainer, data, experts, 1000).allocated == 0);
}

TEST_CASE("an arena reuses its memory without allocating") {
  Arena arena;
  RandomGenerator rng(4);
  std::vector<Index> sizes;
  for (int i = 0; i < 200; ++i) sizes.push_back(rng.below(i % 10 == 0 ? 600000 : 30000));
  for (const Index size : sizes) arena.take<float>(size);
  const std::int64_t before = allocations();
  for (int round = 0; round < 50; ++round) {
    arena.reset();
    for (const Index size : sizes) {
      float* values = arena.take<float>(round == 0 ? size : rng.below(size + 1));
      CHECK(reinterpret_cast<std::uintptr_t>(values) % kAlignment == 0);
    }
  }
  CHECK(allocations() == before);
}
