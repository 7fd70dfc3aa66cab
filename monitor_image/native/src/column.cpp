#include "column.hpp"

#include "block.hpp"

namespace monitor {

PyObject *Column::release(size_t rows) {
    long long counts[kKinds] = {};
    if (is_plain_) {
        counts[kIntegral] = static_cast<long long>(rows);
        has_numbers_ = rows > 0;
    } else {
        const std::string_view kinds(reinterpret_cast<const char *>(kinds_), rows);
        counts[kNull] = static_cast<long long>(rows);
        for (char kind : {kFractional, kIntegral, kBoolean, kString}) {
            counts[static_cast<size_t>(kind)] = static_cast<long long>(count_byte(kinds, kind));
            counts[kNull] -= counts[static_cast<size_t>(kind)];
        }
    }
    fill_codes(rows);
    const char *type = is_plain_ ? "q" : "d";
    PyObject *numbers = has_numbers_ ? store_.release(rows * sizeof(double)) : Py_NewRef(Py_None);
    PyObject *kinds = kind_store_.release(rows);
    PyObject *codes = code_store_.release(rows * sizeof(int32_t));
    const auto &offsets = words_.offsets();
    return Py_BuildValue(
        "((LLLLL)NsNNy#y#)", counts[0], counts[1], counts[2], counts[3], counts[4], kinds, type, numbers, codes,
        words_.text().data(), static_cast<Py_ssize_t>(words_.text().size()), reinterpret_cast<const char *>(offsets.data()),
        static_cast<Py_ssize_t>(offsets.size() * sizeof(int32_t)));
}

}  // namespace monitor
