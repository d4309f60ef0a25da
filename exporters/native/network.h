/* What the layers of a program on this machine share; included first. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "inputs are read eight at a time, lowest first"
#endif

enum { BLOCK = 64 };

/* One bit for each of eight bytes, 1 where the byte is not 0. */
static inline uint64_t active(const uint8_t *bytes)
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
 * The places of the bytes that are not 0, in order; the bytes from `size` to the next multiple of 64 must be 0.
 * By 64, because the processor cannot foresee where a walk through single events ends: once is enough.
 */
static inline uint32_t list_events(const uint8_t *bytes, uint32_t size, uint32_t *events)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i += 64) {
        uint64_t left = 0;
        for (uint32_t k = 0; k < 64; k += 8) {
            left |= active(bytes + i + k) << k;
        }
        for (; left != 0; left &= left - 1U) {
            events[count] = i + (uint32_t)__builtin_ctzll(left);
            ++count;
        }
    }
    return count;
}

/* Sixteen weights of 8 bits as lanes of 16: with AVX2 one instruction, where GCC 12 alone makes five. */
typedef int16_t lanes_of_16 __attribute__((vector_size(32)));
#ifdef __AVX2__
#define WIDEN_8_TO_16(x) ((lanes_of_16)_mm256_cvtepi8_epi16((__m128i)(x)))
#else
#define WIDEN_8_TO_16(x) __builtin_convertvector(x, lanes_of_16)
#endif

/* Rounding, spec 2, with k >= 1, and overflow, spec 3; `one` has the type of the computation. */
#define TRN(x, k, one) ((x) >> (k))
#define TRN_ZERO(x, k, one) (((x) + (((x) < 0) ? ((one) << (k)) - (one) : (one) - (one))) >> (k))
#define RND(x, k, one) (((x) + ((one) << ((k) - 1))) >> (k))
#define RND_ZERO(x, k, one) (((x) + ((one) << ((k) - 1)) - (one) + ((x) < 0)) >> (k))
#define RND_INF(x, k, one) (((x) + ((one) << ((k) - 1)) - ((x) < 0)) >> (k))
#define RND_MIN_INF(x, k, one) (((x) + ((one) << ((k) - 1)) - (one)) >> (k))
#define RND_CONV(x, k, one) (((x) + ((one) << ((k) - 1)) - (one) + (((x) >> (k)) & (one))) >> (k))
#define SAT(x, lo, hi) (((x) < (lo)) ? (lo) : ((x) > (hi)) ? (hi) : (x))

/* Between the arrays of a layer and those of the caller, which are int64_t. */
#define LOAD(own, given, count) for (int64_t j = 0; j < (count); ++j) { (own)[j] = (__typeof__((own)[0]))(given)[j]; }
#define KEEP(given, own, count) for (int64_t j = 0; j < (count); ++j) { (given)[j] = (int64_t)(own)[j]; }
#define SHOW(signal, from, own, count) if ((signal) != NULL) { KEEP((signal) + (from), own, count) }
#define ADD(sums, from, own, count) \
    if ((sums) != NULL) { for (int64_t j = 0; j < (count); ++j) { ((sums) + (from))[j] += (int64_t)(own)[j]; } }
