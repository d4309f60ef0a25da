/* What the layers of a program on this machine share; included first. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "inputs are read eight at a time, lowest first"
#endif

enum { BLOCK = 64 };

/* The places of the bytes that are not 0, in order; reads up to 7 bytes beyond `size`, which are ignored. */
static inline uint32_t list_events(const uint8_t *bytes, uint32_t size, uint32_t *events)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < size; i += 8) {
        uint64_t eight;
        memcpy(&eight, bytes + i, 8);
        /* The lowest bit of each byte becomes 1 where any bit of the byte is. */
        eight |= eight >> 4;
        eight |= eight >> 2;
        eight |= eight >> 1;
        eight &= UINT64_C(0x0101010101010101);
        uint32_t active = (uint32_t)((eight * UINT64_C(0x0102040810204080)) >> 56);
        active &= (size - i < 8) ? (1U << (size - i)) - 1U : 255U;
        while (active != 0) {
            events[count] = i + (uint32_t)__builtin_ctz(active);
            active &= active - 1U;
            ++count;
        }
    }
    return count;
}

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
