#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace monitor {

// read_envelopes([bytes of whole lines, …])
//   -> (inputs, outputs, keys, code of each event's time, times, line of each event in its block, events of each block, odd)
//   inputs, outputs: (data, bounds, codes, [(encoding, observedContentType) or None, …])
//   odd: (block, line, start, stop) of each line that is left to Python, int64 all
PyObject *read_envelopes(PyObject *module, PyObject *blocks);

}  // namespace monitor
