#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace monitor {

// count_whole(int64 or double numbers, whether they are doubles)
//   -> (different values as doubles, ascending; how often each occurs), or None unless all are whole numbers close together
// NaN is no number and not counted.
PyObject *count_whole(PyObject *module, PyObject *arguments);

}  // namespace monitor
