// Classes by kind name. A router, expert or layer is registered by one line in its own file:
//   const bool registered = Registry<Router>::add<TopKRouter>("top_k");
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"

namespace gatewise {

template <typename Base>
class Registry {
 public:
  using Maker = std::function<std::unique_ptr<Base>(const Options&)>;

  // Throws if the kind is there: while the module loads, this ends the process with the message.
  static bool add(const std::string& kind, Maker maker) {
    require(makers().emplace(kind, std::move(maker)).second, "kind: ", kind,
            " is registered twice");
    return true;
  }

  template <typename Derived>
  static bool add(const std::string& kind) {
    return add(kind, [](const Options& options) { return std::make_unique<Derived>(options); });
  }

  static std::unique_ptr<Base> create(const std::string& kind, const Options& options) {
    const auto found = makers().find(kind);
    if (found == makers().end()) {
      std::string known;
      for (const std::string& name : kinds()) known += (known.empty() ? "" : ", ") + name;
      fail("kind: expected one of ", known, ", got ", kind);
    }
    return found->second(options);
  }

  static std::vector<std::string> kinds() {
    std::vector<std::string> names;
    for (const auto& [name, maker] : makers()) names.push_back(name);
    return names;
  }

 private:
  static std::map<std::string, Maker>& makers() {
    static std::map<std::string, Maker> instance;
    return instance;
  }
};

}  // namespace gatewise
