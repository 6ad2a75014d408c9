// The x86-64 levels (System V psABI) that this processor and operating system can run. Compiled for
// the platform's baseline, without any of the core's headers.
#pragma once

#include <string>
#include <vector>

namespace gatewise {

inline std::vector<std::string> runnable_levels() {
#if defined(__x86_64__)
  std::vector<std::string> runnable;
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
  return runnable;
#else
  return {"baseline"};
#endif
}

}  // namespace gatewise
