// model_monitor_native: the reader's inner loops, compiled. Used by dataset/native.py and sketches/numbers.py.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "base64.hpp"
#include "counts.hpp"
#include "csv.hpp"
#include "envelope.hpp"
#include "json.hpp"
#include "search.hpp"

namespace {

PyMethodDef methods[] = {
    {"count_whole", monitor::count_whole, METH_VARARGS, "How often each whole number occurs."},
    {"read_csv", monitor::read_csv, METH_VARARGS, "Typed columns of CSV payloads."},
    {"read_json", monitor::read_json, METH_VARARGS, "Typed columns of JSON payloads."},
    {"read_envelopes", monitor::read_envelopes, METH_O, "Events of data-capture files as columns."},
    {"open_texts", monitor::open_texts, METH_VARARGS, "Payloads out of base 64."},
    {"mentions", monitor::mentions, METH_VARARGS, "Whether a word occurs in bytes."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "model_monitor_native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

#ifndef MONITOR_SOURCES
#define MONITOR_SOURCES ""  // built by hand
#endif

PyMODINIT_FUNC PyInit_model_monitor_native() {
    PyObject *module = PyModule_Create(&definition);
    if (module != nullptr && PyModule_AddStringConstant(module, "sources", MONITOR_SOURCES) < 0) {
        Py_DECREF(module);
        return nullptr;
    }
    return module;
}
