// One column of typed cells while it grows, and what Python gets of it (model_monitor/dataset/native.py, `cells_of`).
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "literal.hpp"

namespace monitor {

// Different words in the order in which they first occur.
class Words {
  public:
    int32_t code_of(std::string_view word) {
        if (slots_.empty()) slots_.assign(64, -1);
        uint64_t hash = hash_of(word);
        size_t mask = slots_.size() - 1;
        for (size_t place = hash & mask;; place = (place + 1) & mask) {
            int32_t code = slots_[place];
            if (code < 0) return add(word, hash, place);
            if (hashes_[static_cast<size_t>(code)] == hash && (*this)[code] == word) return code;
        }
    }
    std::string_view operator[](int32_t code) const {
        auto at = static_cast<size_t>(code);
        return std::string_view(text_).substr(static_cast<size_t>(offsets_[at]), static_cast<size_t>(offsets_[at + 1] - offsets_[at]));
    }
    const std::string &text() const { return text_; }
    const std::vector<int32_t> &offsets() const { return offsets_; }

  private:
    // Seeded once a process, so that nobody can send words that share a place; codes depend on the order of words alone.
    static uint64_t hash_of(std::string_view word) {
        static const uint64_t seed = std::random_device{}() * uint64_t{0x9E3779B97F4A7C15} + std::random_device{}();
        uint64_t hash = seed ^ word.size();
        const char *at = word.data();
        size_t left = word.size();
        for (; left >= 8; left -= 8, at += 8) {
            uint64_t part;
            std::memcpy(&part, at, 8);
            hash = folded(hash ^ part, seed ^ 0xD6E8FEB86659FD93u);
        }
        uint64_t rest = 0;
        std::memcpy(&rest, at, left);
        return folded(hash ^ rest, seed ^ 0xA0761D6478BD642Fu);
    }
    // Both halves of a product: each bit depends on all bits of both factors.
    static uint64_t folded(uint64_t first, uint64_t second) {
        const unsigned __int128 product = static_cast<unsigned __int128>(first) * (second | 1);
        return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
    }
    int32_t add(std::string_view word, uint64_t hash, size_t place) {
        if (word.size() > kLongest - text_.size()) throw std::bad_alloc();  // offsets of arrow are 32 bits wide
        auto code = static_cast<int32_t>(hashes_.size());
        hashes_.push_back(hash);
        text_.append(word);
        offsets_.push_back(static_cast<int32_t>(text_.size()));
        slots_[place] = code;
        if (hashes_.size() * 2 > slots_.size()) grow();
        return code;
    }
    void grow() {
        slots_.assign(slots_.size() * 4, -1);
        size_t mask = slots_.size() - 1;
        for (size_t code = 0; code < hashes_.size(); code++) {
            size_t place = hashes_[code] & mask;
            while (slots_[place] >= 0) place = (place + 1) & mask;
            slots_[place] = static_cast<int32_t>(code);
        }
    }
    static constexpr size_t kLongest = INT32_MAX;

    std::vector<int32_t> slots_;
    std::vector<uint64_t> hashes_;
    std::string text_;
    std::vector<int32_t> offsets_{0};
};

// A new bytearray of `size` bytes that C++ fills and Python then owns.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(size_t size) : object_(PyByteArray_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size))) {
        if (!object_) throw std::bad_alloc();
    }
    Buffer(Buffer &&other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    Buffer &operator=(Buffer &&other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Buffer() { Py_XDECREF(object_); }
    template <class Item> Item *as() { return reinterpret_cast<Item *>(PyByteArray_AsString(object_)); }
    explicit operator bool() const { return object_ != nullptr; }
    // To at least `size` bytes, where it holds something; pointers into it are no longer valid.
    void grow(size_t size) {
        if (object_ && PyByteArray_Resize(object_, static_cast<Py_ssize_t>(size)) < 0) throw std::bad_alloc();
    }
    // The bytearray cut to `size` bytes; None where there is none. A new reference, null with an exception set.
    PyObject *release(size_t size) {
        if (!object_) Py_RETURN_NONE;
        if (PyByteArray_Resize(object_, static_cast<Py_ssize_t>(size)) < 0) return nullptr;
        return std::exchange(object_, nullptr);
    }

  private:
    PyObject *object_ = nullptr;
};

// Cells are put at rows 0, 1, 2 …, each once. A column is whole numbers alone until another kind of cell is met; from
// then on it has the kind of each cell and doubles. With `is_text` every cell that is there keeps its text instead.
class Column {
  public:
    Column(size_t most_rows, bool is_text) : is_text_(is_text), is_plain_(!is_text), most_rows_(most_rows) {
        if (is_plain_) {
            store_ = Buffer(most_rows_ * sizeof(int64_t));
            wholes_ = store_.as<int64_t>();
        } else {
            begin_kinds(0);
        }
    }
    void put_null(size_t row) { put_nothing(row, kNull); }
    void put_whole(size_t row, int64_t value) {
        if (is_plain_) {
            wholes_[row] = value;
        } else {
            note_size(value);
            put_number(row, static_cast<double>(value), kIntegral);
        }
    }
    // A number that is not held as int64: a fraction, or a whole number too large for it (kIntegral).
    void put_number(size_t row, double value, Kind kind) {
        if (is_plain_) begin_kinds(row);
        kinds_[row] = kind;
        doubles_[row] = value;
        has_numbers_ = true;
    }
    void put_word(size_t row, std::string_view word, Kind kind) {
        put_nothing(row, kind);
        put_code(row, word);
    }
    // A cell given as text, as in CSV or in a JSON string.
    void put_literal(size_t row, std::string_view text) {
        Literal found = classify(text.data(), text.data() + text.size());
        if (is_text_ || found.kind >= kBoolean) {
            put_word(row, text, found.kind);
        } else if (found.is_whole) {
            put_whole(row, found.whole);
        } else {
            put_number(row, found.number, found.kind);
        }
    }
    bool is_text() const { return is_text_; }
    // Whether a whole number was put that the doubles of this column perhaps do not hold exactly.
    bool is_rounded() const { return is_rounded_; }
    // Room for more rows than before; what `plain` gave is no longer valid.
    void grow(size_t most_rows) {
        store_.grow(most_rows * sizeof(int64_t));
        kind_store_.grow(most_rows);
        code_store_.grow(most_rows * sizeof(int32_t));
        if (is_plain_) {
            wholes_ = store_.as<int64_t>();
        } else {
            kinds_ = kind_store_.as<uint8_t>();
            if (!is_text_) doubles_ = store_.as<double>();
        }
        if (code_store_) codes_ = code_store_.as<int32_t>();
        most_rows_ = most_rows;
    }
    // Where the whole numbers go while the column holds nothing else; else null.
    int64_t *plain() const { return is_plain_ ? wholes_ : nullptr; }
    // Where cells go that need no rule: whole numbers while the column holds nothing else, else doubles with their kinds.
    // Both null for a column of text. What is put otherwise may change it.
    struct Cells {
        int64_t *wholes;
        double *doubles;
        uint8_t *kinds;
    };
    Cells cells() const {
        return is_plain_ ? Cells{wholes_, nullptr, nullptr} : Cells{nullptr, doubles_, kinds_};
    }
    // Numbers were put by way of `cells`.
    void note_numbers() { has_numbers_ = true; }

    // A tuple for Python of the first `rows` cells; `cells_of` tells its parts. A new reference, null with an exception set.
    PyObject *release(size_t rows);

  private:
    void note_size(int64_t value) {
        constexpr int64_t kExact = int64_t{1} << 53;  // doubles hold every whole number below it
        is_rounded_ |= value >= kExact || value <= -kExact;
    }
    void put_nothing(size_t row, Kind kind) {
        if (is_plain_) begin_kinds(row);
        kinds_[row] = kind;
        if (!is_text_) doubles_[row] = std::numeric_limits<double>::quiet_NaN();
    }
    void begin_kinds(size_t row) {
        kind_store_ = Buffer(most_rows_);
        kinds_ = kind_store_.as<uint8_t>();
        std::memset(kinds_, kIntegral, row);
        if (!is_text_) {
            Buffer doubles(most_rows_ * sizeof(double));
            doubles_ = doubles.as<double>();
            for (size_t i = 0; i < row; i++) {
                note_size(wholes_[i]);
                doubles_[i] = static_cast<double>(wholes_[i]);
            }
            store_ = std::move(doubles);
            has_numbers_ = row > 0;
        }
        is_plain_ = false;
    }
    void put_code(size_t row, std::string_view word) {
        if (!codes_) {
            code_store_ = Buffer(most_rows_ * sizeof(int32_t));
            codes_ = code_store_.as<int32_t>();
        }
        fill_codes(row);
        codes_[row] = words_.code_of(word);
        coded_ = row + 1;
    }
    // No word in the rows before `row` that have none: only rows that there are take memory, not those that there can be.
    void fill_codes(size_t row) {
        if (codes_ && row > coded_) std::memset(codes_ + coded_, 0xFF, (row - coded_) * sizeof(int32_t));
    }

    bool is_text_, is_plain_, has_numbers_ = false, is_rounded_ = false;
    int64_t *wholes_ = nullptr;
    double *doubles_ = nullptr;
    uint8_t *kinds_ = nullptr;
    int32_t *codes_ = nullptr;
    size_t most_rows_, coded_ = 0;
    Buffer store_, kind_store_, code_store_;
    Words words_;
};

}  // namespace monitor
