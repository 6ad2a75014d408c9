// Predictions have the same bits from several threads at once, in any batch, dense and CSR.
#include <thread>

#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

std::vector<float> predict(const Network& network, const Samples& samples, bool is_sparse,
                           Index batch_rows) {
  Matrix y(kSamples, kClasses, kClasses);
  network.predict(samples.dataset(is_sparse).inputs, kSamples, batch_rows, {y.data()});
  return y.values;
}

}  // namespace

TEST_CASE("predictions from 4 threads at once have the same bits") {
  const Samples samples;
  for (const bool is_sparse : {false, true}) {
    const auto network = make_network("top_k", "mlp", is_sparse);
    const std::vector<float> expected = predict(*network, samples, is_sparse, 32);
    for (const int count : {1, 2}) {
      const Threads own(count);
      std::vector<std::thread> threads;
      std::vector<int> wrong(4, 0);
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
          for (int round = 0; round < 20; ++round)
            wrong[t] += !same_bits(predict(*network, samples, is_sparse, 8 << t), expected);
        });
      for (std::thread& thread : threads) thread.join();
      CHECK(wrong == std::vector<int>{0, 0, 0, 0});
    }
  }
}

TEST_CASE("a row's prediction does not depend on its batch, for every router and expert") {
  const Samples samples;
  for (const std::string& router : Registry<Router>::kinds()) {
    for (const std::string& expert : Registry<Expert>::kinds()) {
      if (!are_compatible(router, expert)) continue;
      for (const bool is_sparse : {false, true}) {
        const auto network = make_network(router, expert, is_sparse);
        const std::vector<float> whole = predict(*network, samples, is_sparse, kSamples);
        INFO(router, ", ", expert, std::string(is_sparse ? ", CSR" : ""));
        for (const Index batch_rows : {1, 7, 100})
          CHECK(same_bits(predict(*network, samples, is_sparse, batch_rows), whole));
      }
    }
  }
}

TEST_CASE("training has the same bits on 1, 2 and 4 threads") {
  const Samples samples;
  for (const bool is_sparse : {false, true}) {
    for (const std::string& router : Registry<Router>::kinds()) {
      std::vector<float> expected;
      for (const int count :
           router == "top_k" ? std::vector<int>{1, 2, 4} : std::vector<int>{1, 3}) {
        const Threads threads(count);
        const char* expert = are_compatible(router, "glu") ? "glu" : "linear";
        const auto network = make_network(router, expert, is_sparse);
        const auto trainer = make_trainer(network, adam());
        const Dataset data = samples.dataset(is_sparse);
        std::vector<Index> batch(kSamples);
        for (Index i = 0; i < kSamples; ++i) batch[i] = i * 5 % kSamples;
        for (int step = 0; step < 2; ++step) trainer->train_step(data, batch.data(), kSamples);
        const std::vector<float> parameters = all_parameters(*network);
        if (expected.empty()) expected = parameters;
        INFO(router, std::string(is_sparse ? ", CSR, " : ", "), count, " threads");
        CHECK(same_bits(parameters, expected));
      }
    }
  }
}

TEST_CASE("training and prediction of one model exclude each other across threads") {
  const Samples samples;
  const auto network = make_network("top_k", "linear");
  network->begin_fit();
  CHECK_THROWS_AS(network->begin_fit(), Busy);
  CHECK_NOTHROW(predict(*network, samples, false, 64));  // validation, from the training thread
  bool was_busy = false;
  std::thread([&] {
    try {
      predict(*network, samples, false, 64);
    } catch (const Busy&) {
      was_busy = true;
    }
  }).join();
  CHECK(was_busy);
  network->end_fit();
  network->begin_read();
  CHECK_THROWS_AS(network->begin_fit(), Busy);
  network->end_read();
}

TEST_CASE("the first value that is not finite is the same with 1 and 4 threads") {
  for (const Index count : {1, 3, 16384, 16385, 300000}) {
    std::vector<float> x(count, 1.0f);
    for (const int threads : {1, 4}) {
      set_num_threads(threads);
      CHECK(find_nonfinite_parallel(x.data(), count) == -1);
    }
    for (const Index index : {count - 1, count / 2, count / 3}) {
      x[index] = NAN;
      for (const int threads : {1, 4}) {
        set_num_threads(threads);
        CHECK(find_nonfinite_parallel(x.data(), count) == index);
      }
    }
  }
  set_num_threads(0);
  CHECK(find_nonfinite_parallel(nullptr, 0) == -1);
}
