// 64 bytes of text at once: which of them are a certain byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace monitor {

class Block {
  public:
    static constexpr size_t kSize = 64;
    // From 64 bytes that can be read.
    explicit Block(const char *at) {
#ifdef __SSE2__
        for (int i = 0; i < 4; i++) parts_[i] = _mm_loadu_si128(reinterpret_cast<const __m128i *>(at + 16 * i));
#else
        at_ = at;
#endif
    }
    // Bit i: byte i is `byte`.
    uint64_t equal(char byte) const {
        uint64_t bits = 0;
#ifdef __SSE2__
        const __m128i wanted = _mm_set1_epi8(byte);
        for (int i = 0; i < 4; i++) bits |= mask(_mm_cmpeq_epi8(parts_[i], wanted)) << 16 * i;
#else
        for (size_t i = 0; i < kSize; i++) bits |= static_cast<uint64_t>(at_[i] == byte) << i;
#endif
        return bits;
    }
    // Bit i: byte i is no ASCII.
    uint64_t high() const {
        uint64_t bits = 0;
#ifdef __SSE2__
        for (int i = 0; i < 4; i++) bits |= mask(parts_[i]) << 16 * i;
#else
        for (size_t i = 0; i < kSize; i++) bits |= static_cast<uint64_t>(static_cast<unsigned char>(at_[i]) >> 7) << i;
#endif
        return bits;
    }
    // Bit i: byte i does not stand for itself in a string of JSON, or is no ASCII.
    uint64_t special() const {
        uint64_t bits = 0;
#ifdef __SSE2__
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), most = _mm_set1_epi8(0x1F);
        for (int i = 0; i < 4; i++) {
            const __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(parts_[i], quote), _mm_cmpeq_epi8(parts_[i], backslash));
            const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(parts_[i], most), most);
            bits |= mask(_mm_or_si128(_mm_or_si128(marks, control), parts_[i])) << 16 * i;
        }
#else
        for (size_t i = 0; i < kSize; i++) {
            const auto byte = static_cast<unsigned char>(at_[i]);
            bits |= static_cast<uint64_t>(byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x80) << i;
        }
#endif
        return bits;
    }

  private:
#ifdef __SSE2__
    static uint64_t mask(__m128i lanes) { return static_cast<uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(lanes))); }
    __m128i parts_[4];
#else
    const char *at_;
#endif
};

inline size_t count_byte(std::string_view text, char byte) {
    size_t count = 0, at = 0;
    for (; at + Block::kSize <= text.size(); at += Block::kSize) {
        count += static_cast<size_t>(__builtin_popcountll(Block(text.data() + at).equal(byte)));
    }
    for (; at < text.size(); at++) count += text[at] == byte;
    return count;
}

}  // namespace monitor
