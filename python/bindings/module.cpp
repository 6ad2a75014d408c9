// The extension module: a list of bind functions. The only source of the bindings that is compiled
// for each level.
#include "arrays.h"

namespace gatewise {

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
  module.def("isa_level", [] { return std::string(GATEWISE_LEVEL); });
  bind_runtime(module);
  bind_layer(module);
  bind_dictionary(module);
  bind_gated(module);
  bind_training(module);
  bind_evaluation(module);
}

}  // namespace gatewise
