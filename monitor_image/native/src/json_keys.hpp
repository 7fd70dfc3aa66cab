// The keys of objects that are alike: which one comes next is known before it is read.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "column.hpp"

namespace monitor {

inline bool is_same(const char *one, const char *other, size_t size) {
    if (size >= 8) {
        uint64_t left, right;
        for (size_t i = 0; i + 8 < size; i += 8) {
            std::memcpy(&left, one + i, 8);
            std::memcpy(&right, other + i, 8);
            if (left != right) return false;
        }
        std::memcpy(&left, one + size - 8, 8);
        std::memcpy(&right, other + size - 8, 8);
        return left == right;
    }
    for (size_t i = 0; i < size; i++) {
        if (one[i] != other[i]) return false;
    }
    return true;
}

// Numbers of the keys of objects: those wanted come first, the others as they are met. Which key follows which, and how it is
// written with all before its value, is remembered: the next object most often has the same.
class Keys {
  public:
    static constexpr size_t kStart = 0;  // what stands before the first key; behind key i stands i + 1
    explicit Keys(const std::vector<std::string> &wanted) : next_(wanted.size() + 1) {
        for (const std::string &key : wanted) words_.code_of(key);
    }
    // The key that begins at `at`, which is then at its value. `before`: kStart, or 1 + the key before. False: there is none
    // that was met there before.
    bool follow(size_t before, const char *&at, const char *end, size_t &key) const {
        if (before >= next_.size()) return false;
        const Next &next = next_[before];
        const size_t size = next.spelling.size();
        if (!size || static_cast<size_t>(end - at) < size || !is_same(at, next.spelling.data(), size)) return false;
        at += size;
        key = next.key;
        return true;
    }
    // Its place, which it keeps.
    size_t find(std::string_view name) {
        const auto key = static_cast<size_t>(words_.code_of(name));
        if (key + 1 == next_.size()) next_.emplace_back();
        return key;
    }
    void learn(size_t before, std::string_view spelling, size_t key) {
        if (before < next_.size() && key < next_.size() - 1) next_[before] = {spelling, key};
    }
    size_t size() const { return next_.size() - 1; }
    std::string_view operator[](size_t key) const { return words_[static_cast<int32_t>(key)]; }

  private:
    struct Next {
        std::string_view spelling;
        size_t key = 0;
    };
    std::vector<Next> next_;
    Words words_;
};

}  // namespace monitor
