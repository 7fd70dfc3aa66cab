#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace monitor {

constexpr int kEmptyPayload = 0, kMalformed = 1;  // faults, by their place in `CSV_FAULTS` of native.py

// read_csv((data, bounds), [(position, is_text), …], width or -1, values needed, whether line breaks around a text count)
//   -> (counts, columns, {payload: fault}, {record: its number of values}), or None where a double rounds a whole number
PyObject *read_csv(PyObject *module, PyObject *arguments);

}  // namespace monitor
