// An interrupt before a step's first write leaves everything as before the step. After the first
// write the step completes.
#include <thread>

#include "core/parallel.h"
#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

int polls = 0;      // polls so far
int stops_at = -1;  // first poll that interrupts, counted from 1; later polls interrupt too

// Sleeps longer than the interval between polls, so that no poll is skipped.
bool check_signal() {
  std::this_thread::sleep_for(std::chrono::milliseconds(21));
  ++polls;
  return stops_at > 0 && polls >= stops_at;
}

struct Signals {
  explicit Signals(int poll) {
    polls = 0;
    stops_at = poll;
    std::this_thread::sleep_for(std::chrono::milliseconds(21));
    set_interrupt_check(&check_signal);
  }
  ~Signals() { set_interrupt_check(nullptr); }
};

// A model, its optimizer state and the batch of a step.
struct Training {
  Samples samples;
  Dataset data = samples.dataset();
  std::shared_ptr<Network> network = make_network("top_k", "mlp");
  std::unique_ptr<Trainer> trainer = make_trainer(network, adam());
  std::vector<Index> batch;

  Training() {
    for (Index i = 0; i < 64; ++i) batch.push_back(i * 3);
    step();
  }
  void step() { trainer->train_step(data, batch.data(), static_cast<Index>(batch.size())); }

  // Parameters, moments and step counts.
  std::vector<float> state() const {
    std::vector<float> values = all_parameters(*network);
    for (const auto& layer : trainer->states()) {
      for (const AlignedBuffer* moments : {&layer->first(), &layer->second()})
        values.insert(values.end(), moments->data(), moments->data() + moments->size());
      for (const auto& slices : layer->slices())
        for (const LayerState::Slice& slice : slices)
          values.push_back(static_cast<float>(slice.steps));
    }
    values.push_back(static_cast<float>(trainer->steps()));
    return values;
  }
};

int polls_of_a_step() {
  Training training;
  const Signals signals(-1);
  training.step();
  return polls;
}

}  // namespace

TEST_CASE("a step polls before its first write") { CHECK(polls_of_a_step() >= 1); }

TEST_CASE("an interrupted step leaves everything bitwise unchanged and can be repeated") {
  const int all = polls_of_a_step();
  Training undisturbed;
  undisturbed.step();
  for (const int poll : {1, (1 + all) / 2, all}) {
    Training training;
    const std::vector<float> before = training.state();
    {
      const Signals signals(poll);
      CHECK_THROWS_AS(training.step(), Interrupted);
      CHECK(polls == poll);
    }
    INFO("interrupted by poll ", poll, " of ", all);
    CHECK(same_bits(training.state(), before));
    training.step();
    CHECK(same_bits(training.state(), undisturbed.state()));
  }
}

TEST_CASE("a signal after the first write lets the step complete and stops the next") {
  const int all = polls_of_a_step();
  Training undisturbed, training;
  undisturbed.step();
  {
    const Signals signals(all + 1);
    CHECK_NOTHROW(training.step());
    CHECK(polls == all);
    CHECK(same_bits(training.state(), undisturbed.state()));
    CHECK_THROWS_AS(training.step(), Interrupted);
  }
  CHECK(same_bits(training.state(), undisturbed.state()));
}

TEST_CASE("a prediction can be interrupted and the network stays usable") {
  const Samples samples;
  const auto network = make_network("top_k", "mlp");
  Matrix y(kSamples, kClasses, kClasses);
  const auto predict = [&] {
    network->predict(samples.dataset().inputs, kSamples, 32, {y.data()});
  };
  {
    const Signals signals(3);
    CHECK_THROWS_AS(predict(), Interrupted);
  }
  CHECK_NOTHROW(predict());
  CHECK_NOTHROW(network->begin_fit());  // no reader is left
  network->end_fit();
}

TEST_CASE("a long loop stops soon after a signal on one thread and on several") {
  for (const int count : {1, 2}) {
    const Threads threads(count);
    const auto start = std::chrono::steady_clock::now();
    const Signals signals(3);
    // 1,000 items of 2 ms each, declared as 1 ms of work: 2 s without a signal.
    const auto run = [] {
      parallel_for(1000, 1e7,
                   [](Index, Index) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
    };
    CHECK_THROWS_AS(run(), Interrupted);
    INFO(count, " threads");
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500));
  }
}
