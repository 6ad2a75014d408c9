// Threads, build information, random numbers.
#include <Eigen/Core>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "arrays.h"
#include "core/aligned_buffer.h"
#include "core/parallel.h"
#include "core/registry.h"
#include "experts/expert.h"
#include "kernels/bfloat16_unit.h"
#include "kernels/int8_unit.h"
#include "kernels/random_fill.h"
#include "products/machine.h"
#include "products/orthogonal.h"
#include "routing/router.h"
#include "training/network.h"

#ifdef __clang__
#define GATEWISE_COMPILER __VERSION__
#else
#define GATEWISE_COMPILER "GCC " __VERSION__
#endif

#define GATEWISE_STRING_(x) #x
#define GATEWISE_STRING(x) GATEWISE_STRING_(x)

namespace gatewise {
namespace {

bool has_pending_signal() {
  const py::gil_scoped_acquire gil;
  return PyErr_CheckSignals() != 0;
}

std::map<std::string, std::string> build_info() {
  return {{"int8", int8_unit_name(best_int8_unit())},
          {"bfloat16", bfloat16_unit_name(best_bfloat16_unit())},
          {"compiler", GATEWISE_COMPILER},
          {"eigen", GATEWISE_STRING(EIGEN_WORLD_VERSION) "." GATEWISE_STRING(
                        EIGEN_MAJOR_VERSION) "." GATEWISE_STRING(EIGEN_MINOR_VERSION)},
          {"openmp", GATEWISE_STRING(_OPENMP)},
          {"pybind11",
           GATEWISE_STRING(PYBIND11_VERSION_MAJOR) "." GATEWISE_STRING(PYBIND11_VERSION_MINOR)}};
}

template <typename Fill>
FloatArray filled(Index size, const Fill& fill) {
  FloatArray result(size);
  float* values = result.mutable_data();
  const GilRelease release;
  fill(values);
  return result;
}

FloatArray uniform(std::uint64_t seed, std::uint64_t stream, Index size, float low, float high) {
  return filled(size, [=](float* y) { fill_uniform(seed, stream, 0, low, high, y, size); });
}

FloatArray normal(std::uint64_t seed, std::uint64_t stream, Index size, float mean, float stddev) {
  return filled(size, [=](float* y) { fill_normal(seed, stream, 0, mean, stddev, y, size); });
}

FloatArray orthogonal(std::uint64_t seed, std::uint64_t stream, Index rows, Index cols) {
  constexpr Index kMaxSize = Index{1} << 24;
  require(rows >= 1 && cols >= 1 && rows <= kMaxSize && cols <= kMaxSize,
          "orthogonal: expected sizes from 1 to ", kMaxSize, ", got ", rows, " and ", cols);
  FloatArray flat =
      filled(rows * cols, [=](float* y) { fill_orthogonal(seed, stream, rows, cols, y); });
  return flat.reshape({rows, cols});
}

IndexArray permutation(std::uint64_t seed, std::uint64_t stream, Index size) {
  IndexArray result(size);
  Index* values = result.mutable_data();
  const GilRelease release;
  fill_permutation(seed, stream, values, size);
  return result;
}

std::optional<std::pair<Index, Index>> first_nonfinite(const py::object& x) {
  const RowArray array = to_rows(x, "x");
  require(!array.input.is_sparse(), "x: expected an array, got a sparse matrix");
  Index at = -1;
  {
    const GilRelease release;
    at = find_nonfinite_parallel(array.input.dense.data, array.rows * array.input.width);
  }
  if (at < 0) return std::nullopt;
  return std::pair(at / array.input.width, at % array.input.width);
}

// Count of threads that a parallel_for of `count` heavy items really uses.
Index parallel_probe(Index count) {
  const GilRelease release;
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(count, 1e9, [&](Index, Index) {
    // Items take as long as declared: otherwise a fast thread would take the items of one that
    // starts later.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  return static_cast<Index>(seen.size());
}

}  // namespace

void bind_runtime(py::module_& module) {
  install_fork_handlers();
  // The module may be imported by another thread. Python's number of a thread is its pthread_t.
  const auto main = py::module_::import("threading").attr("main_thread")().attr("ident");
  set_interrupt_check(has_pending_signal, (pthread_t)main.cast<std::uintptr_t>());  // NOLINT
  module.def("build_info", build_info);
  module.def("get_num_threads", num_threads);
  module.def("set_num_threads", set_num_threads, py::arg("count"));
  module.def("limit_threads", limit_threads, py::arg("count"));
  module.def("allocation_count", [] { return allocation_counter().load(); });
  module.def("parallel_probe", parallel_probe, py::arg("count"));
  module.def("peak_flops", peak_flops, py::call_guard<GilRelease>());
  module.def("peak_int8", peak_int8, py::call_guard<GilRelease>());
  module.def("peak_bfloat16", peak_bfloat16, py::call_guard<GilRelease>());
  module.def("read_bandwidth", read_bandwidth, py::arg("bytes"), py::call_guard<GilRelease>());
  module.def("random_uniform", uniform, py::arg("seed"), py::arg("stream"), py::arg("size"),
             py::arg("low"), py::arg("high"));
  module.def("random_normal", normal, py::arg("seed"), py::arg("stream"), py::arg("size"),
             py::arg("mean"), py::arg("stddev"));
  module.def("random_orthogonal", orthogonal, py::arg("seed"), py::arg("stream"), py::arg("rows"),
             py::arg("cols"));
  module.def("permutation", permutation, py::arg("seed"), py::arg("stream"), py::arg("size"));
  module.def("find_nonfinite", first_nonfinite, py::arg("x"));
  module.def("router_kinds", Registry<Router>::kinds);
  module.def("expert_kinds", Registry<Expert>::kinds);
}

}  // namespace gatewise
