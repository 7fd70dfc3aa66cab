// model_monitor_native: the reader's inner loops, compiled. model_monitor/dataset/native.py is its only user.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "csv.hpp"
#include "envelope.hpp"

namespace {

PyMethodDef methods[] = {
    {"read_csv", monitor::read_csv, METH_VARARGS, "Typed columns of CSV payloads."},
    {"read_envelopes", monitor::read_envelopes, METH_O, "Events of data-capture files as columns."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "model_monitor_native", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit_model_monitor_native() { return PyModule_Create(&definition); }
