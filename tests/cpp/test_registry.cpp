#include "core/registry.h"

#include "doctest/doctest.h"
#include "routing/router.h"

using namespace gatewise;

TEST_CASE("a registry refuses a kind that it has, and keeps the first one") {
  const Registry<Router>::Maker maker = [](const Options&) { return nullptr; };
  CHECK_THROWS_WITH(Registry<Router>::add("top_k", maker), "kind: top_k is registered twice");
  Options options;
  options.set("num_experts", 4.0);
  CHECK_THROWS(Registry<Router>::create("top_k", options));  // its own maker asks for k
}
