// Payloads out of base 64. Only the usual form is taken, without blanks and with its padding, and only valid UTF-8.
#include "base64.hpp"

#include <array>

#include "column.hpp"
#include "input.hpp"
#include "json_text.hpp"

namespace monitor {
namespace {

constexpr uint32_t kBad = 1u << 24;  // no three bytes have this bit

using Table = std::array<uint32_t, 256>;

// What each character is worth at each place of four.
constexpr std::array<Table, 4> tables() {
    std::array<Table, 4> found{};
    for (Table &table : found) {
        for (uint32_t &value : table) value = kBad;
    }
    constexpr char kCharacters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (uint32_t value = 0; value < 64; value++) {
        for (uint32_t place = 0; place < 4; place++) {
            found[place][static_cast<unsigned char>(kCharacters[value])] = value << (18 - 6 * place);
        }
    }
    return found;
}

constexpr std::array<Table, 4> kTables = tables();

inline uint32_t three_bytes(const char *four) {
    uint32_t value = 0;
    for (size_t place = 0; place < 4; place++) value |= kTables[place][static_cast<unsigned char>(four[place])];
    return value;
}

inline char *put(char *to, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++) *to++ = static_cast<char>(value >> (16 - 8 * i) & 0xFF);
    return to;
}

// Where the decoded bytes end; null where the text is unusual. `to` has room for as many bytes as the text.
char *decode(std::string_view text, char *to) {
    if (text.size() % 4) return nullptr;
    if (text.empty()) return to;
    const char *at = text.data(), *last = at + text.size() - 4;
    uint32_t bad = 0;
    for (; at < last; at += 4) {
        const uint32_t value = three_bytes(at);
        bad |= value;
        to = put(to, value, 3);
    }
    const int padding = last[3] != '=' ? 0 : last[2] != '=' ? 1 : 2;
    const char four[] = {last[0], last[1], padding > 1 ? 'A' : last[2], padding ? 'A' : last[3]};
    const uint32_t value = three_bytes(four);
    return (bad | value) & kBad ? nullptr : put(to, value, 3 - padding);
}

bool looks_like_json(std::string_view text) {
    while (true) {
        if (text.substr(0, 3) == "\xEF\xBB\xBF") {
            text.remove_prefix(3);
        } else if (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\r' || text[0] == '\n')) {
            text.remove_prefix(1);
        } else {
            return !text.empty() && (text[0] == '{' || text[0] == '[');
        }
    }
}

}  // namespace

PyObject *open_texts(PyObject *, PyObject *arguments) {
    Texts texts;
    View is_binary;
    if (!PyArg_ParseTuple(arguments, "O&O&", Texts::convert, &texts, View::convert, &is_binary)) return nullptr;
    if (is_binary.size() != texts.size()) {
        PyErr_SetString(PyExc_ValueError, "one flag for each text is expected");
        return nullptr;
    }
    return guarded([&]() -> PyObject * {
        Buffer data(static_cast<size_t>(texts.end() - texts.begin())), bounds((texts.size() + 1) * sizeof(int64_t)), looks(texts.size());
        char *const first = data.as<char>(), *next = first;
        auto *look = looks.as<bool>();
        auto *bound = bounds.as<int64_t>();
        std::vector<Py_ssize_t> odd;
        *bound++ = 0;
        for (size_t i = 0; i < texts.size(); i++) {
            const std::string_view text = texts[i];
            char *stop = nullptr;
            if (!is_binary.data()[i]) {
                std::memcpy(next, text.data(), text.size());
                stop = next + text.size();
            } else {
                stop = decode(text, next);
                if (stop && !is_utf8(std::string_view(next, static_cast<size_t>(stop - next)))) stop = nullptr;
            }
            if (!stop) {
                odd.push_back(static_cast<Py_ssize_t>(i));
                stop = next;
            }
            look[i] = looks_like_json(std::string_view(next, static_cast<size_t>(stop - next)));
            next = stop;
            *bound++ = next - first;
        }
        const auto used = static_cast<size_t>(next - first);
        return Py_BuildValue("NNNN", data.release(used), bounds.release((texts.size() + 1) * sizeof(int64_t)), looks.release(texts.size()),
                             list_of(odd.size(), [&](size_t i) { return PyLong_FromSsize_t(odd[i]); }));
    });
}

}  // namespace monitor
