// Which kind a literal is, and its value: the rules of model_monitor/dataset/classify.py, byte for byte.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace monitor {

enum Kind : uint8_t { kNull = 0, kFractional = 1, kIntegral = 2, kBoolean = 3, kString = 4 };
constexpr int kKinds = 5;

struct Literal {
    Kind kind;
    bool is_whole = false;  // the value is in `whole`, else in `number`; neither for booleans and strings
    int64_t whole = 0;
    double number = 0;
};

inline bool is_digit(char byte) { return static_cast<unsigned char>(byte - '0') <= 9; }

// Correctly rounded; infinite where no double holds it. The text is digits with at most a point and an exponent.
inline double parse_double(const char *from, const char *to, bool is_negative) {
    double value = 0;
    auto result = std::from_chars(from, to, value);
    if (result.ec == std::errc::result_out_of_range) {  // too large or too small: the sign of the exponent tells
        // from_chars leaves the value alone; zero before the point and a negative exponent mean an underflow
        const char *at = from;
        while (at < to && *at != 'e' && *at != 'E') at++;
        long exponent = 0;
        if (at < to) {
            bool is_down = at + 1 < to && at[1] == '-';
            const char *digits = at + 1 + (at + 1 < to && (at[1] == '-' || at[1] == '+'));
            for (; digits < to && exponent < 100'000'000; digits++) exponent = exponent * 10 + (*digits - '0');
            if (is_down) exponent = -exponent;
        }
        const char *point = from;
        while (point < at && *point != '.') point++;
        const char *first = from;
        while (first < at && (*first == '0' || *first == '.')) first++;
        long magnitude = first < point ? point - first : point - first + 1;  // decimal places before the first digit
        value = exponent + magnitude > 0 ? HUGE_VAL : 0.0;
    }
    return is_negative ? -value : value;
}

// A text that is not missing. Source of the grammar: Deequ 2.0.2 `DataType`.
inline Literal classify(const char *from, const char *to) {
    static constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *at = from;
    bool is_negative = false;
    if (at < to && (*at == '-' || *at == '+')) is_negative = *at++ == '-';
    if (at < to && *at == ' ') at++;
    const char *digits = at;
    uint64_t whole = 0;
    while (at < to && is_digit(*at)) whole = whole * 10 + static_cast<uint64_t>(*at++ - '0');
    const auto before = at - digits;
    if (!before) {
        std::string_view text(from, static_cast<size_t>(to - from));
        return {text == "true" || text == "false" ? kBoolean : kString};
    }
    if (at == to) {
        if (before <= 18) return {kIntegral, true, is_negative ? -static_cast<int64_t>(whole) : static_cast<int64_t>(whole)};
        int64_t exact = 0;
        bool fits;
        if (is_negative) {  // from_chars takes a minus sign, but not the blank that may follow it
            uint64_t magnitude = 0;
            auto result = std::from_chars(digits, to, magnitude);
            fits = result.ec == std::errc() && magnitude <= (uint64_t{1} << 63);
            exact = fits ? static_cast<int64_t>(~magnitude + 1) : 0;
        } else {
            fits = std::from_chars(digits, to, exact).ec == std::errc();
        }
        if (fits) return {kIntegral, true, exact};
        double value = parse_double(digits, to, is_negative);
        if (std::isinf(value)) return {kString};
        return {kIntegral, false, 0, value};
    }
    long decimals = 0;
    if (*at == '.') {
        const char *point = at++;
        while (at < to && is_digit(*at)) whole = whole * 10 + static_cast<uint64_t>(*at++ - '0');
        decimals = at - point - 1;
        if (!decimals) return {kString};
        if (at == to && before + decimals <= 15) {  // both exact in a double, so one rounding. Source: Clinger (1990)
            double value = static_cast<double>(whole) / kPowers[decimals];
            return {kFractional, false, 0, is_negative ? -value : value};
        }
    }
    if (at < to) {
        if (*at != 'e' && *at != 'E') return {kString};
        at++;
        if (at < to && (*at == '-' || *at == '+')) at++;
        const char *exponent = at;
        while (at < to && is_digit(*at)) at++;
        if (at != to || at == exponent) return {kString};
    }
    double value = parse_double(digits, to, is_negative);
    if (std::isinf(value)) return {kString};
    return {kFractional, false, 0, value};
}

}  // namespace monitor
