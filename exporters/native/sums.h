/*
 * The sums of one feed: included once for each, with these macros set by sums.py.
 *
 *   SUMS(name)             the name with the layer's before it and the number of the feed behind
 *   SOURCES, COLUMNS       source units, and units rounded up to a multiple of 16
 *   VALUE                  type of a source unit's value
 *   VALUES_ARE_BITS        1 where every value is 0 or 1
 *   VALUES_ARE_BYTES       1 where a VALUE is one byte
 *   WEIGHT, LANE, SUM      types of a weight, of a partial sum over GROUP events, of a sum
 *   WIDEN(x)               sixteen weights as LANEs
 *   GROUP                  as many events as a LANE holds, by the largest weight and value
 */

typedef WEIGHT SUMS(weights) __attribute__((vector_size(16 * sizeof(WEIGHT)), aligned(sizeof(WEIGHT)), may_alias));
typedef LANE SUMS(lanes) __attribute__((vector_size(16 * sizeof(LANE))));

static inline __attribute__((always_inline)) void SUMS(block)(
    const WEIGHT *weight, const VALUE *values, const uint32_t *events, uint32_t count, SUM *sum, const int vectors)
{
    for (uint32_t first = 0; first < count; first += GROUP) {
        const uint32_t last = (count - first > GROUP) ? first + GROUP : count;
        SUMS(lanes) total[8] = {0};
        for (uint32_t e = first; e < last; ++e) {
            const SUMS(weights) *row = (const SUMS(weights) *)(weight + (size_t)events[e] * COLUMNS);
#if VALUES_ARE_BITS
            for (int k = 0; k < vectors; ++k) {
                total[k] += WIDEN(row[k]);
            }
#else
            const LANE value = (LANE)values[events[e]];
            for (int k = 0; k < vectors; ++k) {
                total[k] += WIDEN(row[k]) * value;
            }
#endif
        }
        for (int k = 0; k < vectors; ++k) {
            for (int i = 0; i < 16; ++i) {
                sum[16 * k + i] += total[k][i];
            }
        }
    }
}

/* Over the values that are not 0; bytes can be read up to the next multiple of 64. */
static void SUMS(add)(const WEIGHT *weight, const VALUE *values, uint32_t *events, SUM *sum)
{
#if VALUES_ARE_BYTES
    const uint32_t count = list_events((const uint8_t *)values, SOURCES, events);
#else
    uint8_t active[(SOURCES + 63) / 64 * 64] = {0};
    for (uint32_t i = 0; i < SOURCES; ++i) {
        active[i] = values[i] != 0;
    }
    const uint32_t count = list_events(active, SOURCES, events);
#endif
    memset(sum, 0, COLUMNS * sizeof *sum);
    uint32_t column = 0;
    for (; column + 128 <= COLUMNS; column += 128) {
        SUMS(block)(weight + column, values, events, count, sum + column, 8);
    }
    for (; column < COLUMNS; column += 16) {
        SUMS(block)(weight + column, values, events, count, sum + column, 1);
    }
}
