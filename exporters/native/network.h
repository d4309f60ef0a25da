/* What the layers of a graph on this machine share; included first. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "values are read eight at a time, lowest first"
#endif

/* Arrays begin with a cache line. */
#define LINE 64
#define ALIGNED __attribute__((aligned(LINE)))
#define INLINED static inline __attribute__((always_inline))

/* One bit for each of eight bytes, 1 where the byte is not 0. */
static inline uint64_t active_bits(const uint8_t *bytes)
{
    uint64_t eight;
    memcpy(&eight, bytes, 8);
    /* The lowest bit of each byte becomes 1 where any bit of the byte is. */
    eight |= eight >> 4;
    eight |= eight >> 2;
    eight |= eight >> 1;
    eight &= UINT64_C(0x0101010101010101);
    return (eight * UINT64_C(0x0102040810204080)) >> 56;
}

/*
 * The places of the bytes that are not 0, in order; bytes can be read up to the next multiple of 64.
 * By 64, because the processor cannot foresee where a walk through single events ends: once is enough.
 */
static inline uint32_t list_events(const uint8_t *bytes, uint32_t size, uint32_t *events)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i += 64) {
        uint64_t left = 0;
        for (uint32_t k = 0; k < 64; k += 8) {
            left |= active_bits(bytes + i + k) << k;
        }
        if (size - i < 64) {
            left &= (UINT64_C(1) << (size - i)) - 1;
        }
        for (; left != 0; left &= left - 1U) {
            events[count] = i + (uint32_t)__builtin_ctzll(left);
            ++count;
        }
    }
    return count;
}

/*
 * Sixteen weights of 8 bits as lanes of 16: with AVX2 one instruction, where GCC 12 alone makes five. By its
 * builtin function, because <immintrin.h> takes as long to compile as everything else.
 */
#if defined(__AVX2__) && !defined(__clang__)
typedef char bytes_of_8 __attribute__((vector_size(16)));
#define WIDEN_8_TO_16(x) __builtin_ia32_pmovsxbw256((bytes_of_8)(x))
#else
typedef int16_t lanes_of_16 __attribute__((vector_size(32)));
#define WIDEN_8_TO_16(x) __builtin_convertvector(x, lanes_of_16)
#endif

#define LARGER(a, b) (((a) > (b)) ? (a) : (b))
#define SMALLER(a, b) (((a) < (b)) ? (a) : (b))

/* Between the arrays of a layer, which go on after `count` elements, and those of the caller. */
#define ELEMENTS(own) ((int64_t)(sizeof(own) / sizeof((own)[0])))
#define LOAD(own, from, to, given, count) \
    for (int64_t j = (from); j < (to); ++j) { \
        (own)[j] = (__typeof__((own)[0]))(given)[(j < (count)) ? j : (count) - 1]; \
    }
#define KEEP(given, own, from, to) for (int64_t j = (from); j < (to); ++j) { (given)[j] = (int64_t)(own)[j]; }
#define SHOW(signal, from, own, count) if ((signal) != NULL) { KEEP((signal) + (from), own, 0, count) }
#define ADD(sums, from, own, count) \
    if ((sums) != NULL) { for (int64_t j = 0; j < (count); ++j) { ((sums) + (from))[j] += (int64_t)(own)[j]; } }

/* Values of a source, each as old as its unit's delay; those of `age` steps lie `age` rows before `now`. */
#define SEEN(seen, current, past, rows, now, delays, count) \
    for (int64_t j = 0; j < (count); ++j) { \
        const int64_t age = (delays)[j]; \
        (seen)[j] = age ? (past)[((now) - age) % (rows)][j] : (current)[j]; \
    }
