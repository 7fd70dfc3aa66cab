// Lines of data-capture files to columns. Only what is surely an event of the usual form is taken; any other line is odd.
#include "envelope.hpp"

#include <array>
#include <optional>

#include "column.hpp"
#include "input.hpp"
#include "json_text.hpp"

namespace monitor {
namespace {

using Text = std::optional<std::string_view>;  // none: null, or not there

PyObject *text_of(std::string_view text) {
    return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

template <class Item> PyObject *bytes_of(const std::vector<Item> &items) {
    return PyBytes_FromStringAndSize(reinterpret_cast<const char *>(items.data()), static_cast<Py_ssize_t>(items.size() * sizeof(Item)));
}

const char *line_end(const char *line, const char *end) {
    const auto *found = static_cast<const char *>(std::memchr(line, '\n', static_cast<size_t>(end - line)));
    return found ? found : end;
}

// A word's code, with the last word remembered: it is mostly the next one too.
class Codes {
  public:
    void add(std::string_view word) {
        if (codes_.empty() || word != last_) {
            code_ = words_.code_of(word);
            last_ = word;
        }
        codes_.push_back(code_);
    }
    void repeat() { codes_.push_back(code_); }
    void add_none() { codes_.push_back(-1); }
    const std::vector<int32_t> &codes() const { return codes_; }
    size_t size() const { return words_.offsets().size() - 1; }
    std::string_view operator[](size_t code) const { return words_[static_cast<int32_t>(code)]; }

  private:
    Words words_;
    std::string last_;
    int32_t code_ = -1;
    std::vector<int32_t> codes_;
};

// One side of one event while its line is read.
struct Side {
    bool is_there = false;
    char *stop = nullptr;  // where its text ends in the column
    Text encoding, type;
};

// One side of all events: texts behind each other, and what was declared of each.
class SideColumn {
  public:
    explicit SideColumn(size_t most_bytes) : store_(most_bytes + kSlack), next_(store_.as<char>()) {}
    char *next() { return next_; }
    // is_repeated: what was declared is what was declared of the event before.
    void add(const Side &side, bool is_repeated) {
        if (side.is_there) next_ = side.stop;
        bounds_.push_back(next_ - store_.as<char>());
        if (is_repeated) return declared_.repeat();
        pair_.assign(1, static_cast<char>(side.is_there | side.encoding.has_value() << 1 | side.type.has_value() << 2));
        const std::string_view encoding = side.encoding.value_or(""), type = side.type.value_or("");
        const size_t size = encoding.size();
        pair_.append(reinterpret_cast<const char *>(&size), sizeof size).append(encoding).append(type);
        declared_.add(pair_);
    }
    PyObject *release() {
        const auto used = static_cast<size_t>(bounds_.back());
        PyObject *pairs = list_of(declared_.size(), [&](size_t code) { return pair_of(declared_[code]); });
        return Py_BuildValue("NNNN", store_.release(used), bytes_of(bounds_), bytes_of(declared_.codes()), pairs);
    }

  private:
    static PyObject *pair_of(std::string_view pair) {
        const int flags = pair[0];
        if (!flags) Py_RETURN_NONE;
        size_t size;
        std::memcpy(&size, pair.data() + 1, sizeof size);
        pair.remove_prefix(1 + sizeof size);
        const auto part = [](bool is_there, std::string_view text) {
            return is_there ? text_of(text) : Py_BuildValue("");
        };
        return Py_BuildValue("NN", part(flags & 2, pair.substr(0, size)), part(flags & 4, pair.substr(size)));
    }

    Buffer store_;
    char *next_;
    std::vector<int64_t> bounds_{0};
    std::string pair_;
    Codes declared_;
};

// Strings of an event. Those behind the declarations differ from event to event.
enum Slot { kInputEncoding, kInputType, kOutputEncoding, kOutputType, kEventId, kInferenceId, kTime, kInputData, kOutputData, kSlots };

// The text of the last event without its strings that differ. Most lines are the same but for these, and are then read
// without looking at any key.
class Pattern {
  public:
    struct Part {
        Slot slot;
        std::string before;  // what precedes the string, with its opening quote
    };
    void begin(const char *line) { from_ = line, size_ = 0; }
    // A string that differs lies between `begin` and `end`, which is behind its closing quote.
    void add(Slot slot, const char *begin, const char *end) {
        if (size_ == parts_.size()) parts_.emplace_back();
        parts_[size_].slot = slot;
        parts_[size_++].before.assign(from_, begin);
        from_ = end;
    }
    void finish(const char *end) {
        rest_.assign(from_, end);
        is_whole_ = true;
    }
    void forget() { is_whole_ = false; }
    // Whether the line has this text; `read` takes each string. `at` is then behind the event.
    template <class Read> bool matches(const char *&at, const char *end, Read read) const {
        if (!is_whole_) return false;
        for (size_t i = 0; i < size_; i++) {
            if (!skip_word(at, end, parts_[i].before) || !read(parts_[i].slot)) return false;
        }
        return skip_word(at, end, rest_);
    }

  private:
    bool is_whole_ = false;
    std::vector<Part> parts_;
    size_t size_ = 0;
    std::string rest_;
    const char *from_ = nullptr;
};

class Reader {
  public:
    explicit Reader(size_t most_bytes) : inputs_(most_bytes), outputs_(most_bytes) {}
    void read_block(std::string_view block) {
        const int64_t before = static_cast<int64_t>(lines_.size());
        const char *const begin = block.data(), *const end = begin + block.size();
        const char *stop = nullptr;
        int64_t number = -1;
        for (const char *line = begin; line < end; line = stop == end ? end : stop + 1) {
            number++;
            at_ = line;
            end_ = end;
            if (read_like_before()) {
                stop = at_;
                add(number, true);
                continue;
            }
            stop = line_end(line, end);
            at_ = line;
            end_ = stop;
            skip_blanks();
            if (at_ == end_) continue;
            if (read_event()) {
                add(number, false);
            } else {
                pattern_.forget();
                odd_.push_back({static_cast<int64_t>(counts_.size()), number, line - begin, stop - begin});
            }
        }
        counts_.push_back(static_cast<int64_t>(lines_.size()) - before);
    }
    PyObject *release();

  private:
    struct Odd {
        int64_t block, line, start, stop;
    };

    void skip_blanks() { monitor::skip_blanks(at_, end_); }
    bool skip(char byte) { return skip_byte(at_, end_, byte); }
    // An object, each of whose members `read` takes: the key is given, `at_` is at the value.
    template <class Read> bool read_object(Read read) {
        if (!skip('{')) return false;
        skip_blanks();
        if (skip('}')) return true;
        do {
            skip_blanks();
            if (!skip('"')) return false;
            const char *from = at_;
            if (!skip_plain_string(at_, end_)) return false;
            const std::string_view key(from, static_cast<size_t>(at_ - 1 - from));
            skip_blanks();
            if (!skip(':')) return false;
            skip_blanks();
            if (!read(key)) return false;
            skip_blanks();
        } while (skip(','));
        return skip('}');
    }
    // A text or null. A key that is given twice is left to Python.
    bool read_text(Slot slot, unsigned &seen, Text &text) {
        if (seen & 1u << slot) return false;
        seen |= 1u << slot;
        if (skip_word(at_, end_, "null")) return true;
        if (!skip('"')) return false;
        const char *from = at_;
        if (!read_string(slot, text)) return false;
        if (slot >= kEventId) pattern_.add(slot, from, at_);
        return true;
    }
    // The rest of a string. One with escapes is unescaped into the room of its slot, which keeps it until its line is read.
    bool read_string(Slot slot, Text &text) {
        const char *from = at_;
        if (skip_plain_string(at_, end_)) {
            text = std::string_view(from, static_cast<size_t>(at_ - 1 - from));
            return true;
        }
        std::string &room = rooms_[slot];
        const char *end = line_end(at_, end_);
        room.resize(static_cast<size_t>(end - at_) + kSlack);
        const char *stop = unescape(at_, end, room.data());
        if (stop) text = std::string_view(room.data(), static_cast<size_t>(stop - room.data()));
        return stop != nullptr;
    }
    bool read_data(Side &side, SideColumn &column) {
        side.is_there = true;
        side.stop = unescape(at_, end_, column.next());
        return side.stop != nullptr;
    }
    bool read_side(Side &side, SideColumn &column, bool &is_seen, Slot encoding, Slot data) {
        if (is_seen) return false;
        is_seen = true;
        if (skip_word(at_, end_, "null")) return true;
        unsigned seen = 0;
        const auto read = [&](std::string_view key) {
            if (key == "data") {
                if (side.is_there || !skip('"')) return false;
                const char *from = at_;
                if (!read_data(side, column)) return false;
                pattern_.add(data, from, at_);
                return true;
            }
            if (key == "encoding") return read_text(encoding, seen, side.encoding);
            if (key == "observedContentType") return read_text(static_cast<Slot>(encoding + 1), seen, side.type);
            return skip_value(at_, end_);
        };
        return read_object(read) && side.is_there;
    }
    bool read_capture() {
        bool has_input = false, has_output = false;
        return read_object([&](std::string_view key) {
            if (key == "endpointInput") return read_side(input_, inputs_, has_input, kInputEncoding, kInputData);
            if (key == "endpointOutput") return read_side(output_, outputs_, has_output, kOutputEncoding, kOutputData);
            return skip_value(at_, end_);
        });
    }
    bool read_metadata() {
        unsigned seen = 0;
        return read_object([&](std::string_view key) {
            if (key == "eventId") return read_text(kEventId, seen, event_id_);
            if (key == "inferenceId") return read_text(kInferenceId, seen, inference_id_);
            if (key == "inferenceTime") return read_text(kTime, seen, time_);
            return skip_value(at_, end_);
        });
    }
    void clear() {
        input_ = output_ = Side();
        event_id_ = inference_id_ = time_ = Text();
    }
    bool read_like_before() {
        clear();
        const auto read = [&](Slot slot) {
            switch (slot) {
                case kInputData: return read_data(input_, inputs_);
                case kOutputData: return read_data(output_, outputs_);
                case kEventId: return read_string(slot, event_id_);
                case kInferenceId: return read_string(slot, inference_id_);
                default: return read_string(slot, time_);
            }
        };
        if (!pattern_.matches(at_, end_, read)) return false;
        while (at_ < end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\r')) at_++;
        return at_ == end_ || *at_ == '\n';
    }
    bool read_event() {
        clear();
        pattern_.begin(at_);
        bool has_capture = false, has_metadata = false;
        const auto is_first = [](bool &is_seen) { return !std::exchange(is_seen, true); };
        const auto read = [&](std::string_view key) {
            if (key == "captureData") return is_first(has_capture) && read_capture();
            if (key == "eventMetadata") return is_first(has_metadata) && read_metadata();
            return skip_value(at_, end_);
        };
        if (!read_object(read) || !has_capture) return false;
        pattern_.finish(at_);
        skip_blanks();
        return at_ == end_;
    }
    void add(int64_t line, bool is_like_before) {
        inputs_.add(input_, is_like_before);
        outputs_.add(output_, is_like_before);
        keys_.append((inference_id_ ? inference_id_ : event_id_).value_or(""));
        key_ends_.push_back(keys_.size());
        if (time_) {
            times_.add(*time_);
        } else {
            times_.add_none();
        }
        lines_.push_back(line);
    }

    const char *at_ = nullptr, *end_ = nullptr;  // of the line that is read
    Side input_, output_;
    Text event_id_, inference_id_, time_;
    std::array<std::string, kSlots> rooms_;
    Pattern pattern_;
    SideColumn inputs_, outputs_;
    Codes times_;
    std::string keys_;
    std::vector<size_t> key_ends_;
    std::vector<int64_t> lines_, counts_;
    std::vector<Odd> odd_;
};

PyObject *Reader::release() {
    PyObject *keys = list_of(key_ends_.size(), [&](size_t i) {
        const size_t from = i ? key_ends_[i - 1] : 0;
        return text_of(std::string_view(keys_).substr(from, key_ends_[i] - from));
    });
    PyObject *times = list_of(times_.size(), [&](size_t code) { return text_of(times_[code]); });
    return Py_BuildValue("NNNNNNNN", inputs_.release(), outputs_.release(), keys, bytes_of(times_.codes()), times, bytes_of(lines_),
                         bytes_of(counts_), bytes_of(odd_));
}

}  // namespace

PyObject *read_envelopes(PyObject *, PyObject *blocks) {
    if (!PyList_Check(blocks)) {
        PyErr_SetString(PyExc_TypeError, "a list of bytes is expected");
        return nullptr;
    }
    return guarded([&]() -> PyObject * {
        std::vector<std::string_view> texts;
        size_t bytes = 0;
        for (Py_ssize_t i = 0; i < PyList_Size(blocks); i++) {
            char *data;
            Py_ssize_t size;
            if (PyBytes_AsStringAndSize(PyList_GetItem(blocks, i), &data, &size) < 0) return nullptr;
            texts.emplace_back(data, static_cast<size_t>(size));
            bytes += static_cast<size_t>(size);
        }
        Reader reader(bytes);
        for (const std::string_view text : texts) reader.read_block(text);
        return reader.release();
    });
}

}  // namespace monitor
