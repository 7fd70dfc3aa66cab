// Payloads of CSV to typed columns. Rows, quotes, blank lines and faults as model_monitor/dataset/formats/csv.py says.
#include "csv.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "block.hpp"
#include "column.hpp"
#include "input.hpp"

namespace monitor {
namespace {

constexpr size_t kRowsAtOnce = 64;  // of one column before the next one's, so that its cells share lines of the cache

constexpr std::string_view kMark = "\xEF\xBB\xBF";  // a byte order mark

struct Field {
    const char *from, *to;
    bool is_quoted;
};

// What ends the fields of a text. is_clean: quotes, if there are any, enclose whole fields and are doubled inside.
struct Separators {
    size_t count, line_breaks;
    bool is_clean;
};

// Bit i: an odd number of the bits up to i are set.
uint64_t parity_up_to(uint64_t bits) {
    for (int step = 1; step < 64; step *= 2) bits ^= bits << step;
    return bits;
}

// Places of commas and line breaks outside quotes, from 0. `places` holds at least as many as the text has bytes.
Separators find_separators(std::string_view text, bool has_quotes, uint32_t *places) {
    uint32_t *next = places;
    size_t line_breaks = 0;
    uint64_t inside = 0;          // all bits when the block begins inside quotes
    uint64_t may_open = 1;        // lowest bit: the byte before the block lets a quote open
    uint64_t has_closed = 0;      // lowest bit: the byte before the block closes a quote
    bool is_clean = true;
    for (size_t at = 0; at < text.size(); at += Block::kSize) {
        const size_t left = text.size() - at;
        char last[Block::kSize];
        const char *from = text.data() + at;
        if (left < Block::kSize) {
            std::memset(last, 0, sizeof last);
            std::memcpy(last, from, left);
            from = last;
        }
        const Block block(from);
        uint64_t breaks = block.equal('\n'), ends = breaks | block.equal(',');
        if (has_quotes) {
            const uint64_t quotes = block.equal('"'), quoted = parity_up_to(quotes) ^ inside;
            const uint64_t opening = quotes & quoted, closing = quotes & ~quoted;
            breaks &= ~quoted;
            ends &= ~quoted;
            const uint64_t known = left < Block::kSize ? (uint64_t{1} << left) - 1 : ~uint64_t{0};
            const uint64_t odd = (opening & ~((ends | closing) << 1 | may_open)) |
                                 ((closing << 1 | has_closed) & known & ~(ends | opening));
            is_clean = is_clean && !odd;
            inside = static_cast<uint64_t>(static_cast<int64_t>(quoted) >> 63);
            may_open = (ends | closing) >> 63;
            has_closed = closing >> 63;
        }
        line_breaks += static_cast<size_t>(__builtin_popcountll(breaks));
        for (; ends; ends &= ends - 1) {
            *next++ = static_cast<uint32_t>(at) + static_cast<uint32_t>(__builtin_ctzll(ends));
        }
    }
    return {static_cast<size_t>(next - places), line_breaks, is_clean && !inside};
}

class Reader {
  public:
    Reader(const std::vector<Asked> &asked, Py_ssize_t width, size_t needed, bool is_exact, size_t most_rows)
        : width_(width), needed_(needed), is_exact_(is_exact) {
        columns_.reserve(asked.size());
        for (const Asked &one : asked) {
            columns_.emplace_back(most_rows, one.is_text);
            positions_.push_back(one.position);
        }
    }
    // One payload; returns its number of records, readable or not.
    int64_t read(size_t payload, std::string_view text) {
        if (!is_exact_) {
            while (text.substr(0, kMark.size()) == kMark) text.remove_prefix(kMark.size());
            while (!text.empty() && (text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
            while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
        }
        if (text.empty()) return fault(payload, kEmptyPayload);
        const bool has_quotes = text.find('"') != text.npos;
        if (text.size() < UINT32_MAX && text.find('\r') == text.npos) {
            if (room_ < text.size() + 2) {
                room_ = text.size() + text.size() / 2 + 64;
                places_.reset(new uint32_t[room_]);  // memory that nothing is written to costs nothing
            }
            places_[0] = UINT32_MAX;  // what ends before the first field, so that each begins one behind another
            const Separators found = find_separators(text, has_quotes, places_.get() + 1);
            places_[found.count + 1] = static_cast<uint32_t>(text.size());
            if (int64_t rows = add_even_rows(text, found)) return rows;
        }
        fields_.clear();
        ends_.clear();
        if (!split(text)) return fault(payload, kMalformed);
        return add_rows();
    }
    PyObject *release(Buffer counts, size_t payloads);

  private:
    int64_t fault(size_t payload, int reason) {
        faults_.push_back({static_cast<Py_ssize_t>(payload), reason});
        return 0;
    }
    // Rows that all have the expected width, by the places of what ends their fields; 0 where they are not so.
    int64_t add_even_rows(std::string_view text, Separators found) {
        const size_t fields = found.count + 1;
        if (!found.is_clean || width_ < 2 || fields % static_cast<size_t>(width_)) return 0;
        const auto width = static_cast<size_t>(width_), rows = fields / width;
        size_t breaks = 0;
        for (size_t i = 1; i < rows; i++) breaks += text[places_[i * width]] == '\n';
        if (breaks != rows - 1 || found.line_breaks != breaks) return 0;
        for (size_t first = 0; first < rows; first += kRowsAtOnce) {
            const size_t last = std::min(rows, first + kRowsAtOnce);
            for (size_t i = 0; i < columns_.size(); i++) put_cells(i, text, first, last);
        }
        rows_ += rows;
        seen_ += static_cast<int64_t>(rows);
        return static_cast<int64_t>(rows);
    }
    // The cells of one column in the rows [first, last) of the text: digits and missing cells here, others by its own rules.
    void put_cells(size_t column, std::string_view text, size_t first, size_t last) {
        Column &target = columns_[column];
        const auto width = static_cast<size_t>(width_);
        const uint32_t *edges = places_.get() + first * width + positions_[column];
        Column::Cells cells = target.cells();
        bool has_digits = false;
        for (size_t row = rows_ + first; row < rows_ + last; row++, edges += width) {
            const uint32_t begin = edges[0] + 1, size = edges[1] - begin;
            const char *from = text.data() + begin;
            if (size == 1 && is_digit(*from) && cells.wholes) {
                cells.wholes[row] = *from - '0';
            } else if (size == 1 && is_digit(*from) && cells.doubles) {
                cells.doubles[row] = *from - '0';
                cells.kinds[row] = kIntegral;
                has_digits = true;
            } else if (size == 0 && cells.doubles) {
                cells.doubles[row] = std::numeric_limits<double>::quiet_NaN();
                cells.kinds[row] = kNull;
            } else {
                if (size == 0) {
                    target.put_null(row);
                } else if (*from == '"') {
                    target.put_literal(row, unquote({from + 1, size - size_t{2}}));
                } else {
                    target.put_literal(row, {from, size});
                }
                cells = target.cells();
            }
        }
        if (has_digits) target.note_numbers();
    }
    // False where a quote is never closed.
    bool split(std::string_view text) {
        unquoted_.clear();
        unquoted_.reserve(text.size());  // fields point into it
        const char *at = text.data(), *end = at + text.size();
        while (true) {
            const char *from = at;
            if (at < end && *at == '"') {
                const char *begin = unquoted_.data() + unquoted_.size();
                for (at++;; at++) {
                    if (at == end) return false;
                    if (*at == '"' && !(at + 1 < end && at[1] == '"')) break;
                    if (*at == '"') at++;
                    unquoted_.push_back(*at);
                }
                for (at++; at < end && *at != ',' && *at != '\r' && *at != '\n'; at++) unquoted_.push_back(*at);
                fields_.push_back({begin, unquoted_.data() + unquoted_.size(), true});
            } else {
                while (at < end && *at != ',' && *at != '\r' && *at != '\n') at++;
                fields_.push_back({from, at, false});
            }
            if (at < end && *at == ',') {
                at++;
                continue;
            }
            ends_.push_back(fields_.size());
            if (at == end) return true;
            at += *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
        }
    }
    int64_t add_rows() {
        bool is_single = width_ == 1 || (width_ < 0 && ends_.size() == fields_.size());
        size_t first = 0;
        int64_t found = 0;
        for (size_t end : ends_) {
            const Field *row = fields_.data() + first;
            size_t size = end - first;
            first = end;
            if (!is_single && size == 1 && row->from == row->to && !row->is_quoted) continue;  // a blank line
            if (width_ < 0 ? size >= needed_ : size == static_cast<size_t>(width_)) {
                put(row);
            } else {
                widths_.push_back({seen_ + found, static_cast<Py_ssize_t>(size)});
            }
            found++;
        }
        seen_ += found;
        return found;
    }
    void put(const Field *row) {
        for (size_t i = 0; i < columns_.size(); i++) {
            const Field &field = row[positions_[i]];
            put(i, {field.from, static_cast<size_t>(field.to - field.from)}, field.is_quoted);
        }
        rows_++;
    }
    void put(size_t column, std::string_view value, bool is_quoted) {
        if (value.empty() && !is_quoted) {
            columns_[column].put_null(rows_);
        } else {
            columns_[column].put_literal(rows_, value);
        }
    }
    // What stands between two quotes, with each doubled quote as one.
    std::string_view unquote(std::string_view text) {
        size_t quote = text.find('"');
        if (quote == text.npos) return text;
        unquoted_.clear();
        for (; quote != text.npos; quote = text.find('"')) {
            unquoted_.append(text.substr(0, quote + 1));
            text.remove_prefix(quote + 2);
        }
        unquoted_.append(text);
        return unquoted_;
    }

    Py_ssize_t width_;
    size_t needed_, rows_ = 0;
    bool is_exact_;
    int64_t seen_ = 0;
    std::vector<Column> columns_;
    std::vector<size_t> positions_;
    std::unique_ptr<uint32_t[]> places_;
    size_t room_ = 0;
    std::vector<Field> fields_;
    std::vector<size_t> ends_;  // of each row, in `fields_`
    std::string unquoted_;
    std::vector<std::pair<Py_ssize_t, Py_ssize_t>> faults_, widths_;
};

PyObject *Reader::release(Buffer counts, size_t payloads) {
    for (const Column &column : columns_) {
        if (column.is_rounded()) Py_RETURN_NONE;  // should other cells be dropped, Python has the whole numbers exactly
    }
    PyObject *columns = PyTuple_New(static_cast<Py_ssize_t>(columns_.size()));
    if (!columns) return nullptr;
    for (size_t i = 0; i < columns_.size(); i++) {
        PyObject *column = columns_[i].release(rows_);
        if (!column) {
            Py_DECREF(columns);
            return nullptr;
        }
        PyTuple_SetItem(columns, static_cast<Py_ssize_t>(i), column);
    }
    return Py_BuildValue("NNNN", counts.release(payloads * sizeof(int64_t)), columns, dict_of(faults_), dict_of(widths_));
}

}  // namespace

PyObject *read_csv(PyObject *, PyObject *arguments) {
    Texts texts;
    PyObject *asked_list;
    Py_ssize_t width, needed;
    int is_exact;
    if (!PyArg_ParseTuple(arguments, "O&O!nnp", Texts::convert, &texts, &PyList_Type, &asked_list, &width, &needed, &is_exact)) {
        return nullptr;
    }
    return guarded([&]() -> PyObject * {
        std::vector<Asked> asked;
        if (!read_asked(asked_list, asked)) return nullptr;
        for (const Asked &one : asked) {
            if (one.position >= static_cast<size_t>(needed) || (width >= 0 && needed > width)) {
                PyErr_SetString(PyExc_ValueError, "a position lies behind the values that each row has");
                return nullptr;
            }
        }
        const std::string_view all(texts.begin(), static_cast<size_t>(texts.end() - texts.begin()));
        const auto values = static_cast<size_t>(width < 0 ? needed : width);  // a row of so many has as many bytes but one
        const size_t lines = count_byte(all, '\n') + count_byte(all, '\r');
        const size_t rows = texts.size() + std::min(lines, all.size() / std::max(values, size_t{1}));
        Reader reader(asked, width, static_cast<size_t>(needed), is_exact != 0, rows);
        Buffer counts(texts.size() * sizeof(int64_t));
        auto *count = counts.as<int64_t>();
        for (size_t i = 0; i < texts.size(); i++) count[i] = reader.read(i, texts[i]);
        return reader.release(std::move(counts), texts.size());
    });
}

}  // namespace monitor
