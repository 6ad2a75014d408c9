#include "training/trainer_state.h"

#include "networks.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

using NamedArrays = std::vector<std::pair<std::string, StateArray>>;

std::map<std::string, StateView> views_of(const NamedArrays& arrays) {
  std::map<std::string, StateView> views;
  for (const auto& [name, array] : arrays)
    std::visit([&](const auto& values) { views[name] = std::span(values); }, array);
  return views;
}

struct Training {
  Samples samples;
  Dataset data = samples.dataset();
  std::shared_ptr<Network> network = make_network("top_k", "linear");
  std::unique_ptr<Trainer> trainer = make_trainer(network, adam());

  void run(int steps) {
    const std::vector<Index> batch = all_rows_of(data);
    for (int step = 0; step < steps; ++step)
      trainer->train_step(data, batch.data(), static_cast<Index>(batch.size()));
  }

  static std::vector<Index> all_rows_of(const Dataset& data) {
    std::vector<Index> rows(static_cast<std::size_t>(data.num_samples));
    for (Index i = 0; i < data.num_samples; ++i) rows[i] = i;
    return rows;
  }
};

}  // namespace

TEST_CASE("a trainer with another's weights and state goes on with the same bits") {
  Training first, second;
  first.run(3);
  const NamedArrays state = read_state(*first.trainer);
  CHECK(state[0].first == "steps");
  CHECK(std::get<std::vector<std::int64_t>>(state[0].second) == std::vector<std::int64_t>{3});
  for (std::size_t node = 0; node < first.network->nodes().size(); ++node) {
    const ParameterBlock& from = first.network->nodes()[node].layer->parameters();
    ParameterBlock& to = second.network->nodes()[node].layer->parameters();
    std::copy_n(from.data(), from.size(), to.data());
  }
  write_state(*second.trainer, views_of(state));
  first.run(2);
  second.run(2);
  CHECK(all_parameters(*first.network) == all_parameters(*second.network));
  CHECK(read_state(*first.trainer) == read_state(*second.trainer));
}

TEST_CASE("a state that does not fit is refused and changes nothing") {
  Training training;
  training.run(2);
  const NamedArrays before = read_state(*training.trainer);
  std::map<std::string, StateView> views = views_of(before);
  const std::vector<std::int64_t> negative{-1};
  const std::vector<float> few(3);
  const auto message = [&](const std::string& name, StateView view) {
    auto changed = views;
    changed[name] = view;
    try {
      write_state(*training.trainer, changed);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message("steps", std::span(negative)) ==
        "state: expected step counts from 0 to 9007199254740992 in steps, got -1");
  CHECK(message("steps", std::span(few)) == "state: expected the type that was stored in steps");
  const auto size = std::get<std::span<const float>>(views["layer2.second_moment"]).size();
  CHECK(message("layer2.second_moment", std::span(few)) ==
        "state: expected " + std::to_string(size) + " values in layer2.second_moment, got 3");
  views.erase("layer2.second_moment");
  CHECK(message("steps", views["steps"]) == "state: expected a key layer2.second_moment");
  CHECK(read_state(*training.trainer) == before);
}
