/* Compares a target with docs/spec.md 5.4 and 5.5 for every membrane code and every drive code. */

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "oracle.h"
#include "target.h"

#ifndef DELAY
#define DELAY 0 /* calls between an input and its result */
#endif

/* x / d for d > 0, as section 2 says in words: the two neighbours, and which of them is meant. */
static inline int64_t rounded(int64_t x, int64_t d, int mode)
{
    const int64_t quotient = x / d;
    const int64_t below = (x % d < 0) ? quotient - 1 : quotient;
    const int64_t rest = x - below * d; /* 0 .. d - 1 */
    const int64_t above = (rest == 0) ? below : below + 1;
    if (mode == TRN) { return below; }
    if (mode == TRN_ZERO) { return (x < 0) ? above : below; }
    if (2 * rest != d) { return (2 * rest < d) ? below : above; }
    if (mode == RND) { return above; }
    if (mode == RND_MIN_INF) { return below; }
    if (mode == RND_ZERO) { return (x < 0) ? above : below; }
    if (mode == RND_INF) { return (x < 0) ? below : above; }
    return (below % 2 == 0) ? below : above;
}

static inline int64_t brought(int64_t x, int64_t lo, int64_t hi, int wraps)
{
    if (x >= lo && x <= hi) { return x; }
    if (!wraps) { return (x < lo) ? lo : hi; }
    const int64_t span = hi - lo + 1;
    const int64_t place = (x - lo) % span;
    return lo + (place < 0 ? place + span : place);
}

static int64_t table(const int64_t *values, int64_t v, int mode)
{
    const int64_t last = ORACLE_START + ORACLE_SEGMENTS * ORACLE_SEGMENT_SIZE - 1;
    const int64_t c = (v < ORACLE_START) ? ORACLE_START : (v > last) ? last : v;
    const int64_t i = (c - ORACLE_START) / ORACLE_SEGMENT_SIZE;
    const int64_t r = (c - ORACLE_START) % ORACLE_SEGMENT_SIZE;
    return values[i] + rounded((values[i + 1] - values[i]) * r, ORACLE_SEGMENT_SIZE, mode);
}

int main(void)
{
    int64_t pairs = 0, differing = 0, fed = 0;
    int64_t wanted_next[DELAY + 1], next;
    int wanted_spike[DELAY + 1], spike;
    target_start();
    for (int64_t u = ORACLE_U_LO; u <= ORACLE_U_HI; ++u) {
        const int64_t v = (u >= ORACLE_THRESHOLD) ? ORACLE_RESET : u;
        const int64_t growth = table(oracle_growth_values, v, ORACLE_GROWTH_MODE);
        const int64_t gain = table(oracle_gain_values, v, ORACLE_GAIN_MODE) * ORACLE_GAIN_FACTOR;
        for (int64_t drive = ORACLE_DRIVE_LO; drive <= ORACLE_DRIVE_HI; ++drive) {
            const int64_t total = growth * ORACLE_GROWTH_SCALE - v + drive;
            const int64_t sum = brought(total, ORACLE_SUM_LO, ORACLE_SUM_HI, ORACLE_SUM_WRAPS);
            const int64_t moved = v + rounded(gain * sum, ORACLE_GAIN_SCALE, ORACLE_MEMBRANE_MODE);
            const int64_t limited = (moved < ORACLE_THRESHOLD) ? moved : ORACLE_THRESHOLD;
            const int64_t expected = brought(limited, ORACLE_U_LO, ORACLE_U_HI, ORACLE_U_WRAPS);
            wanted_next[fed % (DELAY + 1)] = expected;
            wanted_spike[fed % (DELAY + 1)] = expected >= ORACLE_THRESHOLD;
            target_step(u, drive, &next, &spike);
            ++fed;
            if (target_ready()) {
                const int64_t at = (fed - 1 - DELAY) % (DELAY + 1);
                differing += (next != wanted_next[at]) || (spike != wanted_spike[at]);
                ++pairs;
            }
        }
    }
    while (pairs < fed) { /* what is still on its way */
        const int64_t at = pairs % (DELAY + 1);
        target_step(0, 0, &next, &spike);
        differing += (next != wanted_next[at]) || (spike != wanted_spike[at]);
        ++pairs;
    }
    printf("%" PRId64 " %" PRId64 "\n", pairs, differing);
    return differing != 0;
}
