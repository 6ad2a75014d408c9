// The levels that this processor and operating system can run, oldest first: the platform's
// baseline and those of x86-64 (System V psABI). Compiled for the baseline, without the core's
// headers.
#pragma once

#include <string>
#include <vector>

namespace gatewise {

inline std::vector<std::string> runnable_levels() {
  std::vector<std::string> runnable{"baseline"};
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
                  __builtin_cpu_supports("ssse3");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (v2) runnable.push_back("v2");
  if (v3) runnable.push_back("v3");
  if (v4) runnable.push_back("v4");
#endif
  return runnable;
}

}  // namespace gatewise
