/*
 * The sums of one convolution: included once for each, with these macros set by sums.py.
 *
 *   SUMS(name)             the name with the layer's before it and the number of the feed behind
 *   HEIGHT, WIDTH          of the source
 *   HIGH, WIDE             of what comes out
 *   KERNEL_X               width of the kernel, as KERNEL_Y its height
 *   STRIDE_Y, STRIDE_X     steps of the kernel
 *   BEFORE_Y, BEFORE_X     padding before the source
 *   GROUPS, INPUTS, OUTPUTS    and the channels of each that go in and come out
 *   UNITS, COLUMNS         sums, and as many rounded up to a multiple of 16
 *   VALUE, WEIGHT, SUM     types of a source unit's value, of a weight, of a sum
 */

/* Of the positions that see a place, the first and the one after the last; places count from the padding on. */
#define FIRST(place, kernel, stride) ((place) < (kernel) ? 0 : ((place) - (kernel)) / (stride) + 1)
#define END(place, stride, count) ((place) / (stride) + 1 < (count) ? (place) / (stride) + 1 : (count))

/* `value` of channel `c` at `y, x`, counted from the padding on, for every position that sees it. */
static inline __attribute__((always_inline)) void SUMS(spread)(
    const WEIGHT *weight, const SUM value, const int32_t y, const int32_t x, const int32_t c, SUM *sum)
{
    const int32_t first_y = FIRST(y, KERNEL_Y, STRIDE_Y), end_y = END(y, STRIDE_Y, HIGH);
    const int32_t first_x = FIRST(x, KERNEL_X, STRIDE_X), end_x = END(x, STRIDE_X, WIDE);
    const int32_t group = c / INPUTS;
    for (int32_t high = first_y; high < end_y; ++high) {
        for (int32_t wide = first_x; wide < end_x; ++wide) {
            const int32_t place = (y - high * STRIDE_Y) * KERNEL_X + x - wide * STRIDE_X;
            const WEIGHT *const row = weight + ((place * INPUTS + c % INPUTS) * GROUPS + group) * OUTPUTS;
            SUM *const to = sum + ((high * WIDE + wide) * GROUPS + group) * OUTPUTS;
            for (int32_t j = 0; j < OUTPUTS; ++j) {
                to[j] += row[j] * value;
            }
        }
    }
}

static void SUMS(add)(const WEIGHT *weight, const VALUE *values, uint32_t *events, SUM *sum)
{
    memset(sum, 0, COLUMNS * sizeof *sum);
    for (int32_t y = 0; y < HEIGHT; ++y) {
        for (int32_t x = 0; x < WIDTH; ++x) {
            for (int32_t c = 0; c < GROUPS * INPUTS; ++c) {
                const VALUE value = values[(y * WIDTH + x) * GROUPS * INPUTS + c];
                if (value != 0) {
                    SUMS(spread)(weight, value, y + BEFORE_Y, x + BEFORE_X, c, sum);
                }
            }
        }
    }
    /* What is added to whole vectors is like the last unit, so that the proof holds for it. */
    for (int32_t j = UNITS; j < COLUMNS; ++j) {
        sum[j] = sum[UNITS - 1];
    }
}

#undef FIRST
#undef END
