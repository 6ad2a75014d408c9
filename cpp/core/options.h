// A flat list of named settings, as the Python side writes them: "units", "expert.hidden".
// Every option must be read: `check_all_read` throws for one that was not.
#pragma once

#include <map>
#include <set>
#include <string>
#include <variant>

#include "core/sizes.h"

namespace gatewise {

class Options {
 public:
  using Value = std::variant<bool, double, std::string>;

  void set(const std::string& name, Value value) { values_[name] = std::move(value); }

  bool has(const std::string& name) const { return values_.count(name) > 0; }

  Index integer(const std::string& name) const {
    const double value = number(name);
    require(value >= -1 && value <= static_cast<double>(kMaxSize), name,
            ": expected a whole number from -1 to ", kMaxSize, ", got ", value);
    require(value == static_cast<double>(static_cast<Index>(value)), name,
            ": expected a whole number, got ", value);
    return static_cast<Index>(value);
  }
  double number(const std::string& name) const { return get<double>(name, "a number"); }
  bool flag(const std::string& name) const { return get<bool>(name, "true or false"); }
  std::string text(const std::string& name) const { return get<std::string>(name, "a string"); }

  double number_or(const std::string& name, double otherwise) const {
    return has(name) ? number(name) : otherwise;
  }
  std::string text_or(const std::string& name, const std::string& otherwise) const {
    return has(name) ? text(name) : otherwise;
  }

  // Marks the options that `other`, a copy with other values, has read.
  void mark_read(const Options& other) const {
    read_.insert(other.read_.begin(), other.read_.end());
  }

  void check_all_read() const {
    for (const auto& [name, value] : values_)
      require(read_.count(name) > 0, name, ": not an option of this kind");
  }

 private:
  template <typename T>
  const T& get(const std::string& name, const char* expected) const {
    const auto found = values_.find(name);
    require(found != values_.end(), name, ": expected ", expected, ", got nothing");
    const T* value = std::get_if<T>(&found->second);
    require(value != nullptr, name, ": expected ", expected);
    read_.insert(name);
    return *value;
  }

  std::map<std::string, Value> values_;
  mutable std::set<std::string> read_;
};

}  // namespace gatewise
