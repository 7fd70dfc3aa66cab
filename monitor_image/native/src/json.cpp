// Payloads of JSON to typed columns. What a record is, as model_monitor/dataset/formats/json.py says. A payload that is not
// what was expected, or is odd, is refused, and read there.
#include "json.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "json_cells.hpp"
#include "json_keys.hpp"

namespace monitor {
namespace {

enum Shape { kObjects, kRows, kColumns, kLines };  // in the order of `SHAPES` of native.py


struct Wanted {
    int shape = kObjects;
    std::string_view container;  // the key of each payload behind which its records are; empty: they are not behind one
    bool is_alone = false;       // the payload has no other key
    bool is_closed = false;      // unclaimed keys are noted
    bool is_single = false;      // a record has one value
    Py_ssize_t width = -1;
    size_t needed = 0;
    const int64_t *expected = nullptr;  // records of each payload's other side, where known
    std::vector<std::string> keys;
    std::vector<Asked> asked;  // columns by their key's place in `keys`, or by their place in a row
};

// Where the values of a key go: to one column, or to one of texts and to another.
constexpr size_t kNoColumn = SIZE_MAX;
struct Target {
    size_t column = kNoColumn, other = kNoColumn;
};

// Which records have which unclaimed key: runs of neighbours, in the order in which they begin.
class Runs {
  public:
    // The records [start, stop), none of which lies before those that were added for this key.
    void add(size_t key, size_t start, size_t stop) {
        if (start == stop) return;
        if (key >= last_.size()) last_.resize(key + 1, 0);
        const auto begin = static_cast<int64_t>(start), end = static_cast<int64_t>(stop);
        if (last_[key] && stops_[last_[key] - 1] == begin) {
            stops_[last_[key] - 1] = end;
            return;
        }
        keys_.push_back(static_cast<int32_t>(key));
        starts_.push_back(begin);
        stops_.push_back(end);
        last_[key] = keys_.size();
    }
    bool empty() const { return keys_.empty(); }
    const std::vector<int32_t> &keys() const { return keys_; }
    const std::vector<int64_t> &starts() const { return starts_; }
    const std::vector<int64_t> &stops() const { return stops_; }

  private:
    std::vector<size_t> last_;  // of each key: one more than the place of its last run
    std::vector<int32_t> keys_;
    std::vector<int64_t> starts_, stops_;
};

class Reader {
  public:
    Reader(const Wanted &wanted, size_t first_rows)
        : wanted_(wanted), keys_(wanted.keys), cells_(wanted.asked, first_rows), targets_(wanted.keys.size()),
          last_seen_(wanted.keys.size(), 0) {
        if (wanted.shape == kRows) return;
        for (size_t i = 0; i < wanted.asked.size(); i++) {
            Target &target = targets_[wanted.asked[i].position];
            (target.column == kNoColumn ? target.column : target.other) = i;
        }
    }
    // One payload; false where it is refused, else `count` is its number of records.
    bool read(size_t payload, std::string_view text, int64_t &count) {
        const size_t first = rows_;
        const int64_t seen = seen_;
        const char *at = text.data(), *end = at + text.size();
        cells_.scalars().begin_payload();
        payload_ = payload;
        skip_blanks(at, end);
        bool is_read = at < end && (wanted_.shape == kLines ? read_lines(at, end) : read_document(at, end));
        skip_blanks(at, end);
        is_read &= at == end;
        if (is_read) {
            count = seen_ - seen;
            if (cells_.scalars().has_tolerated()) tolerated_.push_back(static_cast<int64_t>(payload));
        } else {
            rows_ = first;
            seen_ = seen;
        }
        return is_read;
    }
    // Whether the results are not those of Python after all.
    bool is_lost() const { return cells_.is_rounded(); }
    // (columns, unclaimed keys, tolerated, widths). A new reference, null with an exception set.
    PyObject *release();

  private:
    bool read_lines(const char *&at, const char *end) {
        while (at < end) {
            const auto *line_break = static_cast<const char *>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
            const char *stop = line_break ? line_break : end;
            if (!skip_byte(at, stop, '{') || !read_object(at, stop)) return false;
            skip_blanks(at, stop);
            if (at != stop) return false;
            skip_blanks(at, end);
        }
        return true;
    }
    bool read_document(const char *&at, const char *end) {
        if (wanted_.container.empty() || (wanted_.is_alone && *at != '{')) return read_records(at, end);
        return skip_byte(at, end, '{') && read_behind(at, end);
    }
    // The records of an object that holds them behind a key.
    bool read_behind(const char *&at, const char *end) {
        bool is_found = false;
        do {
            std::string_view name;
            skip_blanks(at, end);
            if (!skip_byte(at, end, '"') || !cells_.scalars().read_string(at, end, name)) return false;
            const bool is_container = name == wanted_.container;
            skip_blanks(at, end);
            if (!skip_byte(at, end, ':')) return false;
            skip_blanks(at, end);
            if (is_container ? is_found : wanted_.is_alone) return false;
            is_found |= is_container;
            if (is_container ? !read_contained(at, end) : !skip_unclaimed(at, end)) return false;
            skip_blanks(at, end);
        } while (skip_byte(at, end, ','));
        return is_found && skip_byte(at, end, '}');
    }
    bool read_contained(const char *&at, const char *end) {
        if (at == end || (*at != '[' && (wanted_.is_alone || *at != '{'))) return false;
        return read_records(at, end);
    }
    bool read_records(const char *&at, const char *end) {
        if (wanted_.shape == kRows) return read_rows(at, end);
        if (skip_byte(at, end, '{')) return wanted_.shape == kColumns ? read_columns(at, end) : read_object(at, end);
        if (wanted_.shape == kColumns || !skip_byte(at, end, '[')) return false;
        skip_blanks(at, end);
        if (skip_byte(at, end, ']')) return true;
        do {
            skip_blanks(at, end);
            if (!skip_byte(at, end, '{') || !read_object(at, end)) return false;
            skip_blanks(at, end);
        } while (skip_byte(at, end, ','));
        return skip_byte(at, end, ']');
    }

    // The keys and values behind an opening brace, each value by `read(key, at, end)`.
    template <class Read> bool read_members(const char *&at, const char *end, Read read) {
        object_++;
        size_t before = Keys::kStart;
        while (true) {
            size_t key;
            if (!keys_.follow(before, at, end, key)) {
                const char *from = at;
                skip_blanks(at, end);
                if (skip_byte(at, end, '}')) return true;
                if (before != Keys::kStart && !skip_byte(at, end, ',')) return false;
                if (!read_key(at, end, key)) return false;
                while (at < end && *at == ' ') at++;  // part of how it is written
                keys_.learn(before, std::string_view(from, static_cast<size_t>(at - from)), key);
            }
            if (at < end && static_cast<unsigned char>(*at) <= ' ') skip_blanks(at, end);
            if (!read(key)) return false;
            before = key + 1;
        }
    }
    bool read_key(const char *&at, const char *end, size_t &key) {
        std::string_view name;
        skip_blanks(at, end);
        if (!skip_byte(at, end, '"') || !cells_.scalars().read_string(at, end, name)) return false;
        key = keys_.find(name);
        if (key == last_seen_.size()) last_seen_.push_back(0);
        skip_blanks(at, end);
        return skip_byte(at, end, ':');
    }
    // False where this object had the key before.
    bool note(size_t key) {
        if (last_seen_[key] == object_) return false;
        last_seen_[key] = object_;
        return true;
    }
    bool read_object(const char *&at, const char *end) {
        cells_.make_room(rows_);
        size_t found = 0;
        has_nested_ = false;
        const bool is_read = read_members(at, end, [&](size_t key) {
            if (key >= targets_.size()) {
                if (wanted_.is_closed && note(key)) unclaimed_.add(key - targets_.size(), rows_, rows_ + 1);
                return skip_unclaimed(at, end);
            }
            found++;
            return note(key) && put_all(key, rows_, at, end);
        });
        if (!is_read || (!found && has_nested_)) return false;  // the records may be inside
        if (found < targets_.size()) put_absent(rows_, rows_ + 1);
        rows_++;
        seen_++;
        return true;
    }
    bool read_columns(const char *&at, const char *end) {
        size_t found = 0, stop = rows_;
        others_.clear();
        const bool is_read = read_members(at, end, [&](size_t key) {
            if (key >= targets_.size()) {
                if (wanted_.is_closed && note(key)) others_.push_back(key);
                return skip_unclaimed(at, end);
            }
            size_t row = rows_;
            const size_t most = found ? stop : std::numeric_limits<size_t>::max();  // a longer column is refused soon
            const bool is_even = note(key) && put_list(key, row, most, at, end) && (!found || row == stop);
            stop = row;
            found++;
            return is_even;
        });
        if (!is_read || !found) return false;
        if (found < targets_.size()) put_absent(rows_, stop);
        for (size_t key : others_) unclaimed_.add(key - targets_.size(), rows_, stop);
        seen_ += static_cast<int64_t>(stop - rows_);
        rows_ = stop;
        return true;
    }
    bool put_list(size_t key, size_t &row, size_t most, const char *&at, const char *end) {
        if (!skip_byte(at, end, '[')) return false;
        skip_blanks(at, end);
        if (skip_byte(at, end, ']')) return true;
        do {
            skip_blanks(at, end);
            if (row == most) return false;
            cells_.make_room(row);
            if (!put_all(key, row++, at, end)) return false;
            skip_blanks(at, end);
        } while (skip_byte(at, end, ','));
        return skip_byte(at, end, ']');
    }
    bool put_all(size_t key, size_t row, const char *&at, const char *end) {
        const Target &target = targets_[key];
        if (target.other != kNoColumn) {
            const char *again = at;
            if (!cells_.put(target.other, row, again, end)) return false;
        }
        return cells_.put(target.column, row, at, end);
    }
    void put_absent(size_t row, size_t stop) {
        for (size_t key = 0; key < targets_.size(); key++) {
            if (last_seen_[key] == object_) continue;
            for (size_t i = row; i < stop; i++) {
                cells_.put_absent(targets_[key].column, i);
                if (targets_[key].other != kNoColumn) cells_.put_absent(targets_[key].other, i);
            }
        }
    }
    bool skip_unclaimed(const char *&at, const char *end) { return cells_.scalars().skip(at, end, has_nested_); }

    // Lists of values, or one list of values, or one value.
    bool read_rows(const char *&at, const char *end) {
        starts_.clear();
        if (!skip_byte(at, end, '[')) {
            starts_.push_back(at);
            return at < end && *at != '{' && skip_unclaimed(at, end) && add_row(0, 1, end);
        }
        skip_blanks(at, end);
        if (skip_byte(at, end, ']')) return true;
        if (at == end || *at != '[') {
            if (!find_values(at, end)) return false;
            const size_t count = starts_.size();
            const bool is_each = wanted_.expected ? wanted_.expected[payload_] == static_cast<int64_t>(count) : wanted_.is_single;
            bool is_read = is_each || add_row(0, count, end);
            for (size_t i = 0; is_each && is_read && i < count; i++) is_read = add_row(i, 1, end);
            return is_read;
        }
        do {
            starts_.clear();
            skip_blanks(at, end);
            if (!skip_byte(at, end, '[')) return false;
            skip_blanks(at, end);
            if (!skip_byte(at, end, ']') && !find_values(at, end)) return false;
            if (!add_row(0, starts_.size(), end)) return false;
            skip_blanks(at, end);
        } while (skip_byte(at, end, ','));
        return skip_byte(at, end, ']');
    }
    // Where each plain value of a list begins; `at` is then behind the list's end.
    bool find_values(const char *&at, const char *end) {
        has_nested_ = false;
        do {
            skip_blanks(at, end);
            starts_.push_back(at);
            if (!skip_unclaimed(at, end) || has_nested_) return false;
            skip_blanks(at, end);
        } while (skip_byte(at, end, ','));
        return skip_byte(at, end, ']');
    }
    // A record of the values from the `first` of those found on.
    bool add_row(size_t first, size_t count, const char *end) {
        if (wanted_.width < 0 ? count < wanted_.needed : count != static_cast<size_t>(wanted_.width)) {
            widths_.push_back({static_cast<Py_ssize_t>(seen_++), static_cast<Py_ssize_t>(count)});
            return true;
        }
        cells_.make_room(rows_);
        for (size_t i = 0; i < cells_.size(); i++) {
            const size_t place = wanted_.asked[i].position;
            if (place >= count) {
                cells_.put_absent(i, rows_);
            } else {
                const char *at = starts_[first + place];
                if (!cells_.put(i, rows_, at, end)) return false;
            }
        }
        rows_++;
        seen_++;
        return true;
    }
    PyObject *release_unclaimed() const;

    const Wanted &wanted_;
    Keys keys_;
    Cells cells_;
    std::vector<Target> targets_;               // of each wanted key
    std::vector<uint64_t> last_seen_;           // by key: the last object that had it
    Runs unclaimed_;
    std::vector<size_t> others_;                // unclaimed keys of an object of columns
    std::vector<const char *> starts_;
    std::vector<int64_t> tolerated_;
    std::vector<std::pair<Py_ssize_t, Py_ssize_t>> widths_;
    uint64_t object_ = 0;
    size_t rows_ = 0, payload_ = 0;
    int64_t seen_ = 0;
    bool has_nested_ = false;
};

template <class Item> PyObject *bytes_of(const std::vector<Item> &items) {
    return PyBytes_FromStringAndSize(reinterpret_cast<const char *>(items.data()), static_cast<Py_ssize_t>(items.size() * sizeof(Item)));
}

PyObject *Reader::release_unclaimed() const {
    const size_t wanted = targets_.size(), others = unclaimed_.empty() ? 0 : keys_.size() - wanted;
    PyObject *names = list_of(others, [&](size_t i) {
        const std::string_view name = keys_[wanted + i];
        return PyUnicode_FromStringAndSize(name.data(), static_cast<Py_ssize_t>(name.size()));
    });
    return Py_BuildValue("NNNN", names, bytes_of(unclaimed_.keys()), bytes_of(unclaimed_.starts()), bytes_of(unclaimed_.stops()));
}

PyObject *Reader::release() {
    return Py_BuildValue("NNNN", cells_.release(rows_), release_unclaimed(), bytes_of(tolerated_), dict_of(widths_));
}

// Records for which there is room at first: no fewer than there are, most often; but braces may stand inside strings too.
size_t room_for(const Texts &texts, int shape) {
    constexpr size_t kLeast = 64, kMost = 1 << 17, kRowsOfColumns = 16;
    if (shape == kColumns) return kLeast + kRowsOfColumns * texts.size();
    const std::string_view all(texts.begin(), static_cast<size_t>(texts.end() - texts.begin()));
    return kLeast + std::min(kMost, count_byte(all, shape == kRows ? '[' : '{'));
}

// None where too many payloads are refused to go on.
PyObject *read_all(const Texts &texts, const Wanted &wanted) {
    std::vector<int64_t> refused;
    Buffer counts(texts.size() * sizeof(int64_t));
    auto *count = counts.as<int64_t>();
    const size_t rows = room_for(texts, wanted.shape);
    auto reader = std::make_unique<Reader>(wanted, rows);
    for (size_t i = 0; i < texts.size(); i++) {
        count[i] = 0;
        if (reader->read(i, texts[i], count[i])) continue;
        refused.push_back(static_cast<int64_t>(i));
        if (refused.size() > 8 + i / 4) Py_RETURN_NONE;
    }
    if (!refused.empty()) {  // their cells may have left traces in the columns
        reader = std::make_unique<Reader>(wanted, rows);
        for (size_t i = 0, next = 0; i < texts.size(); i++) {
            const bool is_refused = next < refused.size() && refused[next] == static_cast<int64_t>(i);
            if (is_refused || !reader->read(i, texts[i], count[i])) next++;
        }
    }
    if (reader->is_lost()) Py_RETURN_NONE;
    return Py_BuildValue("NNN", counts.release(texts.size() * sizeof(int64_t)), bytes_of(refused), reader->release());
}

bool read_keys(PyObject *list, std::vector<std::string> &keys) {
    for (Py_ssize_t i = 0; i < PyList_Size(list); i++) {
        char *text;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GetItem(list, i), &text, &size) < 0) return false;
        keys.emplace_back(text, static_cast<size_t>(size));
    }
    return true;
}

bool is_consistent(const Wanted &wanted, Py_ssize_t expected_bytes, size_t payloads) {
    const bool has_keys = wanted.shape != kRows;
    std::vector<int> columns(has_keys ? wanted.keys.size() : 0);
    bool is_right = wanted.shape >= kObjects && wanted.shape <= kLines && !wanted.asked.empty();
    is_right &= !wanted.expected || expected_bytes == static_cast<Py_ssize_t>(payloads * sizeof(int64_t));
    for (const Asked &one : wanted.asked) {
        is_right = is_right && one.position < (has_keys ? columns.size() : wanted.needed);
        is_right = is_right && (!has_keys || ++columns[one.position] <= 2);
    }
    is_right &= std::count(columns.begin(), columns.end(), 0) == 0;
    if (!is_right) PyErr_SetString(PyExc_ValueError, "fields or numbers of records that do not belong together");
    return is_right;
}

}  // namespace

PyObject *read_json(PyObject *, PyObject *arguments) {
    Texts texts;
    Wanted wanted;
    PyObject *keys, *asked;
    const char *container;
    Py_ssize_t container_size, needed;
    int is_alone, is_closed, is_single;
    Py_buffer expected{};
    if (!PyArg_ParseTuple(
            arguments, "O&iz#ppO!O!npnz*", Texts::convert, &texts, &wanted.shape, &container, &container_size, &is_alone,
            &is_closed, &PyList_Type, &keys, &PyList_Type, &asked, &wanted.width, &is_single, &needed, &expected)) {
        return nullptr;
    }
    PyObject *found = guarded([&]() -> PyObject * {
        if (container) wanted.container = std::string_view(container, static_cast<size_t>(container_size));
        wanted.is_alone = is_alone != 0;
        wanted.is_closed = is_closed != 0;
        wanted.is_single = is_single != 0;
        wanted.needed = static_cast<size_t>(needed);
        wanted.expected = static_cast<const int64_t *>(expected.buf);
        if (!read_keys(keys, wanted.keys) || !read_asked(asked, wanted.asked)) return nullptr;
        return is_consistent(wanted, expected.len, texts.size()) ? read_all(texts, wanted) : nullptr;
    });
    PyBuffer_Release(&expected);
    return found;
}

}  // namespace monitor
