// Gates and groups of gated experts.
#include "arrays.h"
#include "layers/gated_experts.h"
#include "training/network.h"

namespace gatewise {
namespace {

GatedExpertsLayer& gated_layer(Layer& layer) {
  auto* gated = dynamic_cast<GatedExpertsLayer*>(&layer);
  require(gated != nullptr, "gates: expected a gated_experts layer");
  return *gated;
}

FloatArray gates(Layer& layer, const py::object& x) {
  const GatedExpertsLayer& gated = gated_layer(layer);
  const RowArray array = to_layer_rows(layer, x);
  const auto units = static_cast<Index>(gated.groups().size());
  FloatArray result({array.rows, units});
  float* to = result.mutable_data();
  const ReadClaim claim(layer.access());
  const GilRelease release;
  check_finite(array.input, array.rows, "x");
  Arena arena;
  Index stride = 0;
  const float* from = gated.gates(array.input, array.rows, stride, arena);
  for (Index i = 0; i < array.rows; ++i) std::copy_n(from + i * stride, units, to + i * units);
  return result;
}

void set_groups(Layer& layer, const std::vector<Index>& groups) {
  const auto lock = layer.access().lock_for_write();
  gated_layer(layer).set_groups(groups);
  layer.notify_write();
}

}  // namespace

void bind_gated(py::module_& module) {
  module.def("gates", &gates, py::arg("layer"), py::arg("x"));
  module.def("set_groups", &set_groups, py::arg("layer"), py::arg("groups"));
}

}  // namespace gatewise
