// Payloads of JSON to typed columns.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace monitor {

// read_json((data, bounds), shape, container or None, whether a payload has no other key, whether unclaimed keys are noted,
//           [key, …], [(place of the key or in a row, is_text), …], width or -1, whether a record has one value, values needed,
//           records of each payload's other side or None)
//   -> None, or (counts, payloads refused, ((column, records without its key), …), (unclaimed keys, place of each run's key, starts, stops),
//      payloads with NaN or Infinity, {record: its number of values})
PyObject *read_json(PyObject *module, PyObject *arguments);

}  // namespace monitor
