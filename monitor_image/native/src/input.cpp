#include "input.hpp"

namespace monitor {

Texts::~Texts() {
    PyBuffer_Release(&data_view_);
    PyBuffer_Release(&bounds_view_);
}

int Texts::convert(PyObject *pair, void *target) {
    auto *texts = static_cast<Texts *>(target);
    PyObject *data, *bounds;
    if (!PyArg_ParseTuple(pair, "OO", &data, &bounds)) return 0;
    if (PyObject_GetBuffer(data, &texts->data_view_, PyBUF_SIMPLE) < 0) return 0;
    if (PyObject_GetBuffer(bounds, &texts->bounds_view_, PyBUF_SIMPLE) < 0) return 0;
    texts->data_ = static_cast<const char *>(texts->data_view_.buf);
    texts->bounds_ = static_cast<const int64_t *>(texts->bounds_view_.buf);
    auto numbers = static_cast<size_t>(texts->bounds_view_.len) / sizeof(int64_t);
    bool is_inside = numbers > 0 && texts->bounds_[0] >= 0;
    for (size_t i = 1; is_inside && i < numbers; i++) is_inside = texts->bounds_[i - 1] <= texts->bounds_[i];
    if (!is_inside || texts->bounds_[numbers - 1] > texts->data_view_.len) {
        PyErr_SetString(PyExc_ValueError, "bounds are not ascending places inside the data");
        return 0;
    }
    texts->count_ = numbers - 1;
    return 1;
}

bool read_asked(PyObject *list, std::vector<Asked> &asked) {
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++) {
        Py_ssize_t position;
        int is_text;
        if (!PyArg_ParseTuple(PyList_GetItem(list, i), "np", &position, &is_text)) return false;
        asked.push_back({static_cast<size_t>(position), is_text != 0});
    }
    return true;
}

PyObject *dict_of(const std::vector<std::pair<Py_ssize_t, Py_ssize_t>> &pairs) {
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < pairs.size(); i++) {
        PyObject *key = PyLong_FromSsize_t(pairs[i].first), *value = PyLong_FromSsize_t(pairs[i].second);
        if (!key || !value || PyDict_SetItem(dict, key, value) < 0) Py_CLEAR(dict);
        Py_XDECREF(key);
        Py_XDECREF(value);
    }
    return dict;
}

}  // namespace monitor
