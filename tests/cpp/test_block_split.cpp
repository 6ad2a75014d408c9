#include "products/block_split.h"

#include <map>

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

namespace {

// Runs a split in slices and counts how often each (group, panel, row) is in a block.
std::map<std::array<Index, 3>, int> visits(const BlockSplit& split, const Groups& groups,
                                           Index slice, Index max_rows) {
  std::map<std::array<Index, 3>, int> counts;
  for (Index begin = 0; begin < split.units(); begin += slice)
    split.run(begin, std::min(begin + slice, split.units()),
              [&](Index g, Index panel, Index panel_end, Index row, Index row_end) {
                CHECK(row_end - row <= max_rows);
                CHECK((row - groups.begin(g)) % kRowGrain == 0);
                for (Index p = panel; p < panel_end; ++p)
                  for (Index r = row; r < row_end; ++r) ++counts[{g, p, r}];
              });
  return counts;
}

}  // namespace

TEST_CASE("BlockSplit visits each panel of each row once, for any slices") {
  const std::vector<Index> offsets{0, 5, 5, 305, 306, 330, 330};
  const Groups groups{offsets.data(), 6};
  for (const Index panels : {1, 7, 30})
    for (const int threads : {1, 2, 16})
      for (const Index slice : {1, 2, 5, 1000}) {
        const BlockSplit split(groups, panels, 120, threads, 1e9);
        const auto counts = visits(split, groups, slice, 120);
        CHECK(static_cast<Index>(counts.size()) == panels * groups.total());
        for (const auto& [where, count] : counts) {
          CHECK(count == 1);
          CHECK(where[2] >= groups.begin(where[0]));
          CHECK(where[2] < groups.end(where[0]));
        }
      }
}

TEST_CASE("BlockSplit merges panels of the same rows, and has work for all threads") {
  const std::vector<Index> offsets{0, 240};
  const Groups groups{offsets.data(), 1};
  int calls = 0;
  const BlockSplit whole(groups, 30, 240, 1, 1e9);
  whole.run(0, whole.units(), [&](Index, Index panel, Index panel_end, Index row, Index row_end) {
    ++calls;
    CHECK(panel == 0);
    CHECK(panel_end == 30);
    CHECK(row_end - row == 240);
  });
  CHECK(calls == 1);
  CHECK(BlockSplit(groups, 4, 240, 4, 1e9).units() >= 16);
  CHECK(BlockSplit(groups, 24, 240, 2, 1e6).units() == 2);  // little work: few large blocks
}
