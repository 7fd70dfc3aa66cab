// Cells of JSON into typed columns: plain values, the columns that grow, and what is noted beside them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "column.hpp"
#include "input.hpp"
#include "json_text.hpp"

namespace monitor {

enum class Scalar : uint8_t { kNumber, kText, kTrue, kFalse, kNull, kNotFinite, kNone };

constexpr long kMostDigits = 300;   // a longer number may not fit a double
constexpr long kMostExponent = 999;  // in value

// A number of JSON, which is a literal; false where none begins at `at`, or where no double may hold it.
bool read_number(const char *&at, const char *end, Literal &found);

// Whether some number in this text, which is JSON, is perhaps too large for a double.
bool may_overflow(std::string_view text);

// The plain values of one text after the other.
class Scalars {
  public:
    // Behind the plain value at `at`; kNone where there is none. `text` of a number or a string lasts until the next call.
    Scalar read(const char *&at, const char *end, Literal &number, std::string_view &text);
    // Behind any value; false where it is none or should be read in Python.
    bool skip(const char *&at, const char *end, bool &is_nested);
    // The string whose opening quote lies before `at`.
    bool read_string(const char *&at, const char *end, std::string_view &text);
    bool has_tolerated() const { return has_tolerated_; }
    void begin_payload() { has_tolerated_ = false; }

  private:
    std::string scratch_;
    bool has_tolerated_ = false;  // NaN or Infinity, which JSON does not have
};

// Columns of one length, row by row or column by column.
class Cells {
  public:
    Cells(const std::vector<Asked> &asked, size_t first_rows);
    size_t size() const { return columns_.size(); }
    void make_room(size_t row) {
        if (row >= most_rows_) grow();
    }
    // The plain value at `at` becomes a cell; false where there is none or Python should read it.
    bool put(size_t column, size_t row, const char *&at, const char *end) {
        return put_short(column, row, at, end) || put_any(column, row, at, end);
    }
    void put_absent(size_t column, size_t row);
    bool is_rounded() const;
    Scalars &scalars() { return scalars_; }
    // (column, places of its absent cells or None) each. A new reference, null with an exception set.
    PyObject *release(size_t rows);

  private:
    // The commonest cell: a whole number without a sign, in a column of such; false where it is another.
    bool put_short(size_t column, size_t row, const char *&at, const char *end) {
        if (!plain_[column] || end - at < 2 || !is_digit(*at)) return false;
        const char *next = at + 1, *stop = end - at > 18 ? at + 18 : end - 1;
        int64_t value = *at - '0';
        for (; next < stop && is_digit(*next); next++) value = value * 10 + (*next - '0');
        if ((*next != ',' && *next != '}' && *next != ']') || (*at == '0' && next - at > 1)) return false;
        plain_[column][row] = value;
        at = next;
        return true;
    }
    bool put_any(size_t column, size_t row, const char *&at, const char *end);
    void grow();

    size_t most_rows_;
    std::vector<Column> columns_;
    std::vector<int64_t *> plain_;  // by column: where its whole numbers go while it holds nothing else, else null
    std::vector<std::vector<int64_t>> absent_;
    Scalars scalars_;
};

}  // namespace monitor
