#include "kernels/pack.h"

#include "reference.h"

using namespace gatewise;
using namespace gatewise::reference;

TEST_CASE(
    "pack_panels writes the layout of core/panels.h, padding included, and unpack inverts it") {
  RandomGenerator rng(1);
  for (Index cols = 1; cols <= 51; ++cols) {
    for (const Index rows : {0, 1, 2, 7}) {
      const Matrix source(rows, cols, cols, rng);
      const Packed expected(source);
      const PanelShape shape{rows, cols};
      std::vector<float> panels(static_cast<std::size_t>(shape.floats() + 16), kCanary);
      pack_panels(source.data(), shape, panels.data());
      std::vector<float> back(source.values.size() + 16, kCanary);
      unpack_panels(panels.data(), shape, back.data());
      INFO("rows ", rows, " cols ", cols);
      CHECK(same_bits(panels.data(), expected.buffer.data(), shape.floats()));
      CHECK(std::count(panels.end() - 16, panels.end(), kCanary) == 16);
      CHECK(same_bits(back.data(), source.data(), rows * cols));
      CHECK(std::count(back.end() - 16, back.end(), kCanary) == 16);
    }
  }
}

TEST_CASE("a panel shape of 10 units needs the memory of 12 columns") {
  const PanelShape shape{8, 10};
  CHECK(shape.panels() == 1);
  CHECK(shape.stride(0) == 12);
  CHECK(shape.floats() == 96);
  CHECK(PanelShape{8, 0}.floats() == 0);
  CHECK(PanelShape{8, 33}.stride(2) == 4);
  CHECK(PanelShape{8, 33}.floats() == 8 * 36);
}
