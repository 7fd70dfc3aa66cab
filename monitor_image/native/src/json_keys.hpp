// The keys of objects that are alike: which one comes next is known before it is read.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace monitor {

constexpr size_t kMostExtras = 4096;  // different keys that nobody asked for

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
    explicit Keys(const std::vector<std::string> &wanted) : wanted_(wanted.size()), next_(wanted.size() + 1) {
        for (const std::string &key : wanted) places_.emplace(key, places_.size());
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
    // Its place; kMostExtras others are known, and all the rest are one.
    size_t find(std::string_view name) {
        auto found = places_.find(name_.assign(name));
        if (found != places_.end()) return found->second;
        if (places_.size() == wanted_ + kMostExtras) return places_.size();
        next_.emplace_back();
        return places_.emplace(name_, places_.size()).first->second;
    }
    void learn(size_t before, std::string_view spelling, size_t key) {
        if (before < next_.size() && key < next_.size() - 1) next_[before] = {spelling, key};
    }
    size_t wanted() const { return wanted_; }
    bool is_unknown(size_t key) const { return key == wanted_ + kMostExtras; }
    const std::unordered_map<std::string, size_t> &places() const { return places_; }

  private:
    struct Next {
        std::string_view spelling;
        size_t key = 0;
    };
    size_t wanted_;
    std::vector<Next> next_;
    std::unordered_map<std::string, size_t> places_;
    std::string name_;
};

}  // namespace monitor
