// Queries that do not depend on a level. Compiled for the platform's baseline with Python's C API,
// which compiles ten times as fast as pybind11.
#include <Python.h>

#include "levels.h"

namespace {

PyObject* levels(PyObject*, PyObject*) {
  const auto runnable = gatewise::runnable_levels();
  PyObject* result = PyList_New(static_cast<Py_ssize_t>(runnable.size()));
  if (result == nullptr) return nullptr;
  Py_ssize_t index = 0;
  for (const auto& level : runnable) {
    PyObject* name = PyUnicode_FromString(level.c_str());
    if (name == nullptr) {
      Py_DECREF(result);
      return nullptr;
    }
    PyList_SET_ITEM(result, index++, name);
  }
  return result;
}

PyMethodDef methods[] = {
    {"levels", levels, METH_NOARGS, "The x86-64 levels that run here, oldest first."},
    {nullptr, nullptr, 0, nullptr}};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_probe", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__probe() { return PyModule_Create(&definition); }
