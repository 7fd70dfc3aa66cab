// Strict JSON text: strings unescaped and checked, values skipped and checked. Whatever is refused here is left to Python.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "block.hpp"
#include "literal.hpp"

namespace monitor {

constexpr size_t kSlack = 64;  // bytes that must be writable behind the longest result of `unescape`
constexpr int kDeepest = 64;   // lists and objects in each other; what is deeper is refused

// Bytes of the character beyond ASCII that begins at `at`; 0 where it is no valid UTF-8.
inline size_t utf8_length(const char *at, const char *end) {
    const auto byte = [&](int i) { return static_cast<unsigned char>(at[i]); };
    const auto follows = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
    const auto left = end - at;
    const unsigned first = byte(0);
    if (first < 0xC2 || first > 0xF4 || left < 2) return 0;
    if (first < 0xE0) return follows(1) ? 2 : 0;
    if (first < 0xF0) {
        const unsigned least = first == 0xE0 ? 0xA0 : 0x80, most = first == 0xED ? 0x9F : 0xBF;  // no long form, no half pair
        return left >= 3 && byte(1) >= least && byte(1) <= most && follows(2) ? 3 : 0;
    }
    const unsigned least = first == 0xF0 ? 0x90 : 0x80, most = first == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && byte(1) >= least && byte(1) <= most && follows(2) && follows(3) ? 4 : 0;
}

inline bool is_utf8(std::string_view text) {
    const char *at = text.data(), *end = at + text.size();
    while (at < end) {
        if (static_cast<size_t>(end - at) >= Block::kSize && !Block(at).high()) {
            at += Block::kSize;
        } else if (static_cast<unsigned char>(*at) < 0x80) {
            at++;
        } else if (const size_t size = utf8_length(at, end)) {
            at += size;
        } else {
            return false;
        }
    }
    return true;
}

namespace json_text {

constexpr std::array<char, 256> escapes() {
    std::array<char, 256> found{};
    for (const char byte : {'"', '\\', '/'}) found[static_cast<size_t>(byte)] = byte;
    found['n'] = '\n';
    found['r'] = '\r';
    found['t'] = '\t';
    found['b'] = '\b';
    found['f'] = '\f';
    return found;
}

// What a byte behind a backslash stands for; 0 for \u and for what JSON does not know.
inline char escaped(char byte) {
    static constexpr std::array<char, 256> kEscapes = escapes();
    return kEscapes[static_cast<unsigned char>(byte)];
}

// The four digits at `at`; -1 where they are none.
inline int32_t hexadecimal(const char *at, const char *end) {
    if (end - at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char byte = at[i], low = static_cast<char>(byte | 0x20);
        const int digit = is_digit(byte) ? byte - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

// The character of \uXXXX, where `at` is behind the u, and of the second half of a pair; -1 for half a pair alone.
inline int32_t escaped_point(const char *&at, const char *end) {
    const int32_t point = hexadecimal(at, end);
    if (point < 0) return -1;
    at += 4;
    if (point < 0xD800 || point > 0xDFFF) return point;
    if (point > 0xDBFF || end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
    const int32_t second = hexadecimal(at + 2, end);
    if (second < 0xDC00 || second > 0xDFFF) return -1;
    at += 6;
    return 0x10000 + ((point - 0xD800) << 10) + (second - 0xDC00);
}

inline char *put_utf8(char *to, int32_t point) {
    const auto put = [&](int32_t bits) { *to++ = static_cast<char>(bits); };
    if (point < 0x80) {
        put(point);
        return to;
    }
    if (point < 0x800) {
        put(0xC0 | point >> 6);
    } else {
        if (point < 0x10000) {
            put(0xE0 | point >> 12);
        } else {
            put(0xF0 | point >> 18);
            put(0x80 | (point >> 12 & 0x3F));
        }
        put(0x80 | (point >> 6 & 0x3F));
    }
    put(0x80 | (point & 0x3F));
    return to;
}

// One byte that is no plain character of a string, or one that is: copies what it stands for.
// Null at the end of the string and at what is refused.
inline char *step(const char *&at, const char *end, char *to) {
    const char byte = *at;
    if (byte == '"' || static_cast<unsigned char>(byte) < 0x20) return nullptr;
    if (byte == '\\') {
        if (end - at < 2) return nullptr;
        if (const char plain = escaped(at[1])) {
            *to = plain;
            at += 2;
            return to + 1;
        }
        if (at[1] != 'u') return nullptr;
        const char *behind = at + 2;
        const int32_t point = escaped_point(behind, end);
        if (point < 0) return nullptr;
        at = behind;
        return put_utf8(to, point);
    }
    const size_t size = static_cast<unsigned char>(byte) < 0x80 ? 1 : utf8_length(at, end);
    for (size_t i = 0; i < size; i++) to[i] = at[i];
    at += size;
    return size ? to + size : nullptr;
}

inline void copy_upto_block(char *to, const char *from, size_t size) {
    std::memcpy(to, from, 32);  // of a fixed size: two moves; what is too much is overwritten
    if (size > 32) std::memcpy(to + 32, from + 32, Block::kSize - 32);
}

}  // namespace json_text

// Copies the string whose opening quote lies before `text`, unescaped; returns where the copy ends, and `text` is then behind
// the closing quote. Null where it is no string of JSON in UTF-8, or has half of a surrogate pair. `to` must have room for as
// many bytes as lie between `text` and `end`, and kSlack more.
inline char *unescape(const char *&text, const char *end, char *to) {
    using namespace json_text;
    const char *at = text;  // what is written through `to` cannot change it
    while (end - at >= static_cast<ptrdiff_t>(2 * Block::kSize)) {
        size_t done = 0;  // of the block that begins at `at`
        const char *resume = nullptr;
        for (uint64_t bits = Block(at).special(); bits;) {
            const auto place = static_cast<size_t>(__builtin_ctzll(bits));
            copy_upto_block(to, at + done, place - done);
            to += place - done;
            const char plain = at[place] == '\\' ? escaped(at[place + 1]) : '\0';
            if (!plain) {
                resume = at + place;
                break;
            }
            *to++ = plain;
            done = place + 2;
            bits &= bits - 1;
            bits &= ~(uint64_t{2} << place);  // none where the escaped byte lies in the next block
        }
        if (!resume) {
            if (done < Block::kSize) {
                std::memcpy(to, at + done, Block::kSize);
                to += Block::kSize - done;
                done = Block::kSize;
            }
            at += done;
            continue;
        }
        at = resume;
        if (*at == '"') {
            text = at + 1;
            return to;
        }
        do {
            to = step(at, end, to);
        } while (to && at < end && static_cast<unsigned char>(*at) >= 0x80);
        if (!to) return nullptr;
    }
    while (at < end && *at != '"') {
        to = step(at, end, to);
        if (!to) return nullptr;
    }
    if (at == end) return nullptr;
    text = at + 1;
    return to;
}

// Moves `at`, which is behind the opening quote, behind the closing one of a string of plain ASCII; false, and `at` as it
// was, where it is another string or none.
inline bool skip_plain_string(const char *&at, const char *end) {
    const char *next = at;
    while (end - next >= static_cast<ptrdiff_t>(Block::kSize)) {
        const uint64_t bits = Block(next).special();
        next += bits ? __builtin_ctzll(bits) : static_cast<int>(Block::kSize);
        if (bits) break;
    }
    while (next < end && *next != '"' && *next != '\\' && static_cast<unsigned char>(*next - 0x20) < 0x60) next++;
    if (next == end || *next != '"') return false;
    at = next + 1;
    return true;
}

// Likewise for any string that `unescape` takes.
inline bool skip_string(const char *&at, const char *end) {
    if (skip_plain_string(at, end)) return true;
    char room[16];
    while (at < end && *at != '"') {
        if (!json_text::step(at, end, room)) return false;
    }
    if (at == end) return false;
    at++;
    return true;
}

inline void skip_blanks(const char *&at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) at++;
}

inline bool skip_byte(const char *&at, const char *end, char byte) {
    if (at == end || *at != byte) return false;
    at++;
    return true;
}

// False where no number begins at `at`; what follows it is not looked at.
inline bool skip_number(const char *&at, const char *end) {
    const auto skip_digits = [&] {
        const char *from = at;
        while (at < end && is_digit(*at)) at++;
        return at > from;
    };
    skip_byte(at, end, '-');
    const bool is_zero = at < end && *at == '0';
    if (is_zero) at++;
    if (!is_zero && !skip_digits()) return false;
    if (skip_byte(at, end, '.') && !skip_digits()) return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (!skip_byte(at, end, '-')) skip_byte(at, end, '+');
        if (!skip_digits()) return false;
    }
    return true;
}

inline bool skip_word(const char *&at, const char *end, std::string_view word) {
    if (static_cast<size_t>(end - at) < word.size() || std::memcmp(at, word.data(), word.size()) != 0) return false;
    at += word.size();
    return true;
}

// Moves behind the value that begins at `at`; false where it is no JSON. Recursion ends at `depth`.
inline bool skip_value(const char *&at, const char *end, int depth = kDeepest) {
    if (at == end) return false;
    switch (*at) {
        case '"': return skip_string(++at, end);
        case 't': return skip_word(at, end, "true");
        case 'f': return skip_word(at, end, "false");
        case 'n': return skip_word(at, end, "null");
        case '{':
        case '[': break;
        default: return skip_number(at, end);
    }
    if (!depth) return false;
    const bool is_object = *at++ == '{';
    const char close = is_object ? '}' : ']';
    skip_blanks(at, end);
    if (skip_byte(at, end, close)) return true;
    while (true) {
        if (is_object) {
            if (!skip_byte(at, end, '"') || !skip_string(at, end)) return false;
            skip_blanks(at, end);
            if (!skip_byte(at, end, ':')) return false;
            skip_blanks(at, end);
        }
        if (!skip_value(at, end, depth - 1)) return false;
        skip_blanks(at, end);
        if (skip_byte(at, end, close)) return true;
        if (!skip_byte(at, end, ',')) return false;
        skip_blanks(at, end);
    }
}

}  // namespace monitor
