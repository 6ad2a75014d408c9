#include "core/cache.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace gatewise {
namespace {

constexpr Index kSmallest = Index{512} << 10;

Index read_l2_bytes() {
#ifdef _SC_LEVEL2_CACHE_SIZE
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0)
    return std::max<Index>(bytes, kSmallest);
#endif
  Index kilobytes = 0;  // "1024K"
  std::ifstream("/sys/devices/system/cpu/cpu0/cache/index2/size") >> kilobytes;
  return std::max(kilobytes << 10, kSmallest);
}

}  // namespace

Index l2_bytes() {
  static const Index bytes = read_l2_bytes();
  return bytes;
}

}  // namespace gatewise
