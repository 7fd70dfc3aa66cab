// What Python hands over: texts in one buffer, and which fields are wanted.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <exception>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace monitor {

// (data, bounds): text i lies between bounds[i] and bounds[i + 1], which are int64 inside the data.
class Texts {
  public:
    Texts() = default;
    Texts(const Texts &) = delete;
    Texts &operator=(const Texts &) = delete;
    ~Texts();
    // A converter for PyArg_ParseTuple.
    static int convert(PyObject *pair, void *texts);

    size_t size() const { return count_; }
    std::string_view operator[](size_t i) const {
        return {data_ + bounds_[i], static_cast<size_t>(bounds_[i + 1] - bounds_[i])};
    }
    const char *begin() const { return data_ + bounds_[0]; }
    const char *end() const { return data_ + bounds_[count_]; }

  private:
    Py_buffer data_view_{}, bounds_view_{};
    const char *data_ = nullptr;
    const int64_t *bounds_ = nullptr;
    size_t count_ = 0;
};

// Any object with a buffer.
class View {
  public:
    View() = default;
    View(const View &) = delete;
    View &operator=(const View &) = delete;
    ~View() { PyBuffer_Release(&view_); }
    // A converter for PyArg_ParseTuple.
    static int convert(PyObject *object, void *view) {
        return PyObject_GetBuffer(object, &static_cast<View *>(view)->view_, PyBUF_SIMPLE) == 0;
    }
    const char *data() const { return static_cast<const char *>(view_.buf); }
    size_t size() const { return static_cast<size_t>(view_.len); }

  private:
    Py_buffer view_{};
};

struct Asked {
    size_t position;
    bool is_text;
};

// False with an exception set.
bool read_asked(PyObject *list, std::vector<Asked> &asked);

// A new reference, null with an exception set.
PyObject *dict_of(const std::vector<std::pair<Py_ssize_t, Py_ssize_t>> &pairs);

// A list of what `make` answers for 0, 1, …; a new reference, null with an exception set.
template <class Make> PyObject *list_of(size_t count, Make make) {
    PyObject *list = PyList_New(static_cast<Py_ssize_t>(count));
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = make(i);
        if (!item) Py_CLEAR(list);
        if (item) PyList_SetItem(list, static_cast<Py_ssize_t>(i), item);
    }
    return list;
}

// Runs the function; memory that runs out becomes Python's MemoryError.
template <class Function> PyObject *guarded(Function function) {
    try {
        return function();
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    } catch (const std::exception &error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
        return nullptr;
    }
}

}  // namespace monitor
