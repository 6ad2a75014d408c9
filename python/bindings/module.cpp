// The extension module: a list of bind functions.
#include "arrays.h"

namespace gatewise {

Options to_options(const py::dict& values) {
  Options options;
  for (const auto& [key, value] : values) {
    const auto name = key.cast<std::string>();
    if (py::isinstance<py::bool_>(value))
      options.set(name, value.cast<bool>());
    else if (py::isinstance<py::str>(value))
      options.set(name, value.cast<std::string>());
    else
      options.set(name, value.cast<double>());
  }
  return options;
}

PYBIND11_MODULE(GATEWISE_MODULE, module) {
  module.doc() = "The native core of gatewise for one instruction-set level.";
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Interrupted&) {
      // The check that stopped the computation has already set the signal handler's exception.
      if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
  });
  bind_runtime(module);
  bind_layer(module);
  bind_dictionary(module);
  bind_gated(module);
  bind_training(module);
}

}  // namespace gatewise
