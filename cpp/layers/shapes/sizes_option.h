// Lists of whole numbers in options, written "3,4,5".
#pragma once

#include <string>
#include <vector>

#include "core/options.h"

namespace gatewise {

inline std::vector<Index> sizes_from(const Options& options, const std::string& name) {
  std::vector<Index> sizes;
  const std::string text = options.text(name);
  for (std::size_t at = 0; at < text.size();) {
    std::size_t length = 0;
    sizes.push_back(std::stoll(text.substr(at), &length));
    at += length + 1;
  }
  return sizes;
}

}  // namespace gatewise
