#include "json_cells.hpp"

#include <algorithm>

namespace monitor {

bool read_number(const char *&at, const char *end, Literal &found) {
    static constexpr double kPowers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *from = at;
    const bool is_negative = at < end && *at == '-';
    if (is_negative) at++;
    const char *digits = at;
    uint64_t whole = 0;
    while (at < end && is_digit(*at)) whole = whole * 10 + static_cast<uint64_t>(*at++ - '0');
    const auto before = at - digits;
    if (!before || before > kMostDigits || (before > 1 && *digits == '0')) return false;
    const bool has_point = at < end && *at == '.';
    long decimals = 0;
    if (has_point) {
        const char *point = at++;
        while (at < end && is_digit(*at)) whole = whole * 10 + static_cast<uint64_t>(*at++ - '0');
        decimals = at - point - 1;
        if (!decimals || decimals > kMostDigits) return false;
    }
    const bool has_exponent = at < end && (*at == 'e' || *at == 'E');
    if (has_exponent) {
        at++;
        if (at < end && (*at == '-' || *at == '+')) at++;
        const char *exponent = at;
        while (at < end && is_digit(*at)) at++;
        if (at == exponent || at - exponent > 3) return false;
    } else if (!has_point) {
        if (before > 18) {
            found = classify(from, at);
        } else {
            found = {kIntegral, true, is_negative ? -static_cast<int64_t>(whole) : static_cast<int64_t>(whole)};
        }
        return true;
    }
    double value;
    if (!has_exponent && before + decimals <= 15) {  // both exact in a double, so one rounding. Source: Clinger (1990)
        value = static_cast<double>(whole) / kPowers[decimals];
        if (is_negative) value = -value;
    } else {
        value = parse_double(digits, at, is_negative);
    }
    found = {kFractional, false, 0, value};
    return !std::isinf(value);
}

bool may_overflow(std::string_view text) {
    long digits = 0;
    for (const char byte : text) {
        if (digits && (byte == 'e' || byte == 'E')) return true;
        digits = is_digit(byte) ? digits + 1 : 0;
        if (digits > kMostDigits) return true;
    }
    return false;
}

// --- plain values ------------------------------------------------------------------------------------------------------

Scalar Scalars::read(const char *&at, const char *end, Literal &number, std::string_view &text) {
    const char *from = at;
    const auto word = [&](std::string_view spelling, Scalar scalar) {
        if (!skip_word(at, end, spelling)) return Scalar::kNone;
        text = std::string_view(from, spelling.size());
        has_tolerated_ |= scalar == Scalar::kNotFinite;
        return scalar;
    };
    if (at == end) return Scalar::kNone;
    switch (*at) {
        case '"': return read_string(++at, end, text) ? Scalar::kText : Scalar::kNone;
        case 't': return word("true", Scalar::kTrue);
        case 'f': return word("false", Scalar::kFalse);
        case 'n': return word("null", Scalar::kNull);
        case 'N': return word("NaN", Scalar::kNotFinite);
        case 'I': return word("Infinity", Scalar::kNotFinite);
        case '-':
            if (end - at > 1 && at[1] == 'I') return word("-Infinity", Scalar::kNotFinite);
            [[fallthrough]];
        default: break;
    }
    if (!read_number(at, end, number)) return Scalar::kNone;
    text = std::string_view(from, static_cast<size_t>(at - from));
    return Scalar::kNumber;
}

bool Scalars::read_string(const char *&at, const char *end, std::string_view &text) {
    const char *from = at;
    if (skip_plain_string(at, end)) {
        text = std::string_view(from, static_cast<size_t>(at - from - 1));
        return true;
    }
    scratch_.resize(std::max(scratch_.size(), static_cast<size_t>(end - at) + kSlack));
    const char *stop = unescape(at, end, scratch_.data());
    if (!stop) return false;
    text = std::string_view(scratch_.data(), static_cast<size_t>(stop - scratch_.data()));
    return true;
}

bool Scalars::skip(const char *&at, const char *end, bool &is_nested) {
    const char *from = at;
    if (at < end && *at == '"') return skip_string(++at, end);
    if (at == end || (*at != '[' && *at != '{')) {
        Literal number;
        std::string_view text;
        return read(at, end, number, text) != Scalar::kNone;
    }
    is_nested = true;
    return skip_value(at, end) && !may_overflow(std::string_view(from, static_cast<size_t>(at - from)));
}

// --- cells -------------------------------------------------------------------------------------------------------------

Cells::Cells(const std::vector<Asked> &asked, size_t first_rows) : most_rows_(first_rows), absent_(asked.size()) {
    columns_.reserve(asked.size());
    for (const Asked &one : asked) {
        columns_.emplace_back(most_rows_, one.is_text);
        plain_.push_back(columns_.back().plain());
    }
}

void Cells::grow() {
    most_rows_ *= 2;
    for (size_t i = 0; i < columns_.size(); i++) {
        columns_[i].grow(most_rows_);
        plain_[i] = columns_[i].plain();
    }
}

bool Cells::put_any(size_t place, size_t row, const char *&at, const char *end) {
    Literal number{};
    std::string_view text;
    Column &column = columns_[place];
    switch (scalars_.read(at, end, number, text)) {
        case Scalar::kNumber:
            if (column.is_text()) {
                if (number.kind != kIntegral) return false;  // how Python writes it decides
                column.put_word(row, text == "-0" ? "0" : text, kIntegral);
            } else if (number.is_whole) {
                column.put_whole(row, number.whole);
            } else {
                column.put_number(row, number.number, number.kind);
            }
            break;
        case Scalar::kText: column.put_literal(row, text); break;
        case Scalar::kTrue:
        case Scalar::kFalse: column.put_word(row, text, kBoolean); break;
        case Scalar::kNotFinite: column.put_word(row, text, kString); break;
        case Scalar::kNull: column.put_null(row); break;
        default: return false;
    }
    plain_[place] = column.plain();
    return true;
}

void Cells::put_absent(size_t column, size_t row) {
    columns_[column].put_null(row);
    plain_[column] = nullptr;
    absent_[column].push_back(static_cast<int64_t>(row));
}

bool Cells::is_rounded() const {
    return std::any_of(columns_.begin(), columns_.end(), [](const Column &column) { return column.is_rounded(); });
}

PyObject *Cells::release(size_t rows) {
    PyObject *list = PyTuple_New(static_cast<Py_ssize_t>(columns_.size()));
    for (size_t i = 0; list && i < columns_.size(); i++) {
        const auto &absent = absent_[i];
        PyObject *column = columns_[i].release(rows);
        PyObject *pair = column ? Py_BuildValue(
                                      "Ny#", column, reinterpret_cast<const char *>(absent.data()),
                                      static_cast<Py_ssize_t>(absent.size() * sizeof(int64_t)))
                                : nullptr;
        if (!pair || PyTuple_SetItem(list, static_cast<Py_ssize_t>(i), pair) < 0) Py_CLEAR(list);
    }
    return list;
}

}  // namespace monitor
