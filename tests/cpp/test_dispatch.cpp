#include "routing/dispatch.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// A choice with `per_row(i)` assignments of row i.
struct OwnChoice {
  std::vector<Index> offsets{0};
  std::vector<std::int32_t> experts;
  std::vector<float> weights;
  Choice choice;

  template <typename PerRow>
  OwnChoice(Index rows, Index expert_count, const PerRow& per_row, RandomGenerator& rng) {
    for (Index i = 0; i < rows; ++i) {
      const Index count = per_row(i), first = rng.below(expert_count);
      for (Index j = 0; j < count; ++j) {
        experts.push_back(static_cast<std::int32_t>((first + j) % expert_count));
        weights.push_back(rng.uniform());
      }
      offsets.push_back(static_cast<Index>(experts.size()));
    }
    choice = {rows, offsets.data(), experts.data(), weights.data()};
  }
};

void check_dispatch(const OwnChoice& own, Index experts) {
  Arena arena;
  const Dispatch dispatch = make_dispatch(own.choice, experts, arena);
  const Index num_assignments = own.choice.num_assignments();
  CHECK(dispatch.groups.count == experts);
  CHECK(dispatch.groups.offsets[0] == 0);
  CHECK(dispatch.groups.total() == num_assignments);

  // The naive plan: the assignments of expert 0 in order, then those of expert 1, and so on.
  Index position = 0;
  bool is_right = true;
  for (Index e = 0; e < experts; ++e) {
    is_right &= dispatch.groups.begin(e) == position;
    for (Index i = 0; i < own.choice.rows; ++i) {
      for (Index assignment = own.offsets[i]; assignment < own.offsets[i + 1]; ++assignment) {
        if (own.experts[assignment] != e) continue;
        is_right &= dispatch.row_of[position] == i &&
                    dispatch.assignment_of[position] == assignment &&
                    dispatch.position_of[assignment] == position;
        ++position;
      }
    }
    is_right &= dispatch.groups.end(e) == position;
  }
  INFO("rows ", own.choice.rows, " experts ", experts, " num_assignments ", num_assignments);
  CHECK(is_right);
  CHECK(position == num_assignments);
}

}  // namespace

TEST_CASE("make_dispatch sorts assignments stably by expert and returns offsets and the inverse") {
  RandomGenerator rng(1);
  for (const Index experts : {1, 2, 7, 16, 40}) {
    for (const Index rows : {0, 1, 2, 17, 100}) {
      for (const Index k : {Index{1}, std::min<Index>(2, experts), experts})
        check_dispatch(OwnChoice(rows, experts, [&](Index) { return k; }, rng), experts);
      check_dispatch(
          OwnChoice(rows, experts, [&](Index i) { return i % (experts + 1); }, rng), experts);
    }
  }
}

TEST_CASE("make_dispatch returns the same plan for any thread count, with or without a tally") {
  RandomGenerator rng(3);
  for (const Index experts : {3, 40, 1500}) {
    OwnChoice own(9001, experts, [](Index i) { return i % 4; }, rng);
    for (const int count : {1, 3}) {
      const Threads threads(count);
      check_dispatch(own, experts);
      Arena arena;
      const Tally tally = tally_choice(own.choice, experts, arena);
      CHECK((experts == 1500 || tally.blocks > 10));
      own.choice.tally = tally;
      check_dispatch(own, experts);
      for (const Index e : {Index{0}, experts - 1})
        CHECK(tally.totals[e] == std::count(own.experts.begin(), own.experts.end(), e));
      own.choice.tally = {};
    }
  }
}

TEST_CASE("make_dispatch leaves the groups of unchosen experts empty") {
  RandomGenerator rng(2);
  OwnChoice own(10, 1, [](Index) { return 1; }, rng);
  std::fill(own.experts.begin(), own.experts.end(), 3);
  check_dispatch(own, 6);
}

TEST_CASE("make_choice allocates its rows and their offsets") {
  Arena arena;
  const Choice choice = make_choice(5, 3, arena);
  CHECK(choice.rows == 5);
  CHECK(choice.num_assignments() == 15);
  for (Index i = 0; i <= 5; ++i) CHECK(choice.offsets[i] == 3 * i);
  CHECK(make_choice(0, 3, arena).num_assignments() == 0);
}
