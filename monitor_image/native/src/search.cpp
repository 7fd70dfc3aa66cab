// Whether a word occurs in payloads that nearly always lack it: asked of every batch before it is read.
#include "search.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "input.hpp"

namespace monitor {
namespace {

using Lanes = uint8_t __attribute__((vector_size(16)));
constexpr size_t kProbed = 2;  // neighbours: few places have both of them
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

// The place of the two neighbours in a word that are rarest in texts.
size_t rarest(std::string_view word) {
    constexpr std::string_view kCommonFirst = "\"etaoinsrhldcumfgpwybvkxjqz";
    auto rarity = [&](size_t at) { return std::min(kCommonFirst.find(word[at]), kCommonFirst.size()); };
    size_t best = 0;
    for (size_t at = 1; at + 1 < word.size(); at++) {
        if (rarity(at) + rarity(at + 1) > rarity(best) + rarity(best + 1)) best = at;
    }
    return best;
}

bool occurs(std::string_view text, std::string_view word) {
    size_t at = 0;
    if (word.size() >= kProbed) {
        const size_t place = rarest(word);
        const Lanes first = Lanes{} + static_cast<uint8_t>(word[place]), second = Lanes{} + static_cast<uint8_t>(word[place + 1]);
        for (; at + kStep + word.size() <= text.size(); at += kStep) {
            Lanes hits{};
            const char *from = text.data() + at + place;
            for (size_t i = 0; i < kVectors; i++, from += sizeof(Lanes)) {
                hits |= static_cast<Lanes>(load(from) == first) & static_cast<Lanes>(load(from + 1) == second);
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
