#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace monitor {

// open_texts((data, bounds), is_binary: a byte each)
//   -> (data, bounds, whether each looks like JSON, [places of those that are left to Python])
PyObject *open_texts(PyObject *module, PyObject *arguments);

}  // namespace monitor
