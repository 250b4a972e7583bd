// Sixteen bytes at once: comparisons of vectors, and their results as bits, which Swift's vectors do byte by byte.
#pragma once

#include <stdint.h>
#include <string.h>

/// What stands where in two runs of eight bytes of a path: bit n is about byte n of the first, bit 8 + n about byte n of the second.
struct coop_path_bits {
    /// Neither a letter, a digit, nor one of `-./_`.
    uint32_t unusual;
    /// `/`
    uint32_t slashes;
    /// `.`
    uint32_t dots;
};

#if defined(__SSE2__)

typedef uint8_t coop_bytes __attribute__((vector_size(16)));
typedef char coop_mask __attribute__((vector_size(16)));

static inline uint32_t coop_bits(coop_mask mask) { return (uint32_t)__builtin_ia32_pmovmskb128(mask); }

static inline struct coop_path_bits coop_path_bits(const void *first, const void *second) {
    coop_bytes bytes;
    memcpy(&bytes, first, 8);
    memcpy((char *)&bytes + 8, second, 8);
    // `-` to `9` are `-./` and the digits; the bit 0x20 is all that tells letters in upper case from those in lower case.
    coop_mask usual = (coop_mask)((bytes | 0x20) - 'a' < 26) | (coop_mask)(bytes - '-' < 13) | (coop_mask)(bytes == '_');
    return (struct coop_path_bits){coop_bits(~usual), coop_bits((coop_mask)(bytes == '/')), coop_bits((coop_mask)(bytes == '.'))};
}

#else

static inline struct coop_path_bits coop_path_bits(const void *first, const void *second) {
    uint8_t bytes[16];
    memcpy(bytes, first, 8);
    memcpy(bytes + 8, second, 8);
    struct coop_path_bits result = {0, 0, 0};
    for (int n = 0; n < 16; n++) {
        uint8_t byte = bytes[n];
        int usual = (uint8_t)((byte | 0x20) - 'a') < 26 || (uint8_t)(byte - '-') < 13 || byte == '_';
        result.unusual |= (uint32_t)!usual << n;
        result.slashes |= (uint32_t)(byte == '/') << n;
        result.dots |= (uint32_t)(byte == '.') << n;
    }
    return result;
}

#endif
