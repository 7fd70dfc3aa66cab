// Whether a word occurs in payloads that nearly always lack it: asked of every batch before it is read.
#include "search.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

#include "input.hpp"

namespace monitor {
namespace {

using Lanes = uint8_t __attribute__((vector_size(16)));
constexpr size_t kProbed = 3;  // of the word's first bytes: few places have all of them
constexpr size_t kVectors = 4, kStep = kVectors * sizeof(Lanes);

Lanes load(const char *at) {
    Lanes lanes;
    std::memcpy(&lanes, at, sizeof lanes);
    return lanes;
}

bool is_any(Lanes lanes) {
    uint64_t halves[2];
    std::memcpy(halves, &lanes, sizeof lanes);
    return (halves[0] | halves[1]) != 0;
}

bool occurs(std::string_view text, std::string_view word) {
    size_t at = 0;
    if (word.size() >= kProbed) {
        Lanes probes[kProbed];
        for (size_t i = 0; i < kProbed; i++) probes[i] = Lanes{} + static_cast<uint8_t>(word[i]);
        for (; at + kStep + kProbed <= text.size(); at += kStep) {
            Lanes hits{};
            for (const char *from = text.data() + at, *stop = from + kStep; from < stop; from += sizeof(Lanes)) {
                Lanes hit = load(from) == probes[0];
                for (size_t i = 1; i < kProbed; i++) hit &= load(from + i) == probes[i];
                hits |= hit;
            }
            const bool is_near = is_any(hits);
            if (is_near && text.substr(at, kStep + word.size() - 1).find(word) != std::string_view::npos) return true;
        }
    }
    return text.find(word, at) != std::string_view::npos;
}

}  // namespace

PyObject *mentions(PyObject *, PyObject *arguments) {
    View data, word;
    if (!PyArg_ParseTuple(arguments, "O&O&", View::convert, &data, View::convert, &word)) return nullptr;
    return guarded([&]() -> PyObject * {
        return PyBool_FromLong(occurs({data.data(), data.size()}, {word.data(), word.size()}));
    });
}

}  // namespace monitor
