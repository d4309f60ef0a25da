/*
 * One layer of a program on this machine: included once for each layer, with these macros set by source.py.
 *
 *   LAYER(name)            the name with the layer's prefix
 *   INPUTS, NEURONS        widths; COLUMNS is NEURONS rounded up to a multiple of 16
 *   INPUT_IS_SPIKES        1 where every input is 0 or 1
 *   WEIGHT, LANE, SUM      types of a weight, of a partial sum over GROUP events, of the accumulator
 *   WIDEN(x)               sixteen weights as LANEs
 *   GROUP                  as many events as a LANE holds, by the largest weight
 *   PRODUCT, LOSS, PUSH    types of the products of the rescale, of the leak and of the gain
 *   WORD                   type of everything else; each type has 32 bits where the proof of width (spec 8) allows
 *   RESCALE(x), ...        a site's rounding; RESCALED(x), ... its overflow
 *   MULTIPLIER(j), ...     a constant, or the element of the array of that name
 *
 * Right shifts of negative numbers are arithmetic in both compilers that build this (GCC and Clang say so).
 * Loops that read a table stand alone, so that the ones around them become vector instructions.
 */

typedef WEIGHT LAYER(weights) __attribute__((vector_size(16 * sizeof(WEIGHT)), aligned(sizeof(WEIGHT)), may_alias));
typedef LANE LAYER(lanes) __attribute__((vector_size(16 * sizeof(LANE))));

struct LAYER(constants) {
    const WEIGHT *weight; /* [INPUTS][COLUMNS] */
    const PRODUCT *multiplier;
    const PRODUCT *bias;
    const LOSS *decay;
    const WORD *offset;
#ifdef SPIKING
    const WORD *threshold;
    const WORD *reset;
    const WORD *refractory_steps;
    const WORD *first_entry; /* where a neuron's gain table begins */
    const ENTRY *table; /* growth and gain side by side, for each gain table and membrane code of the domain */
#endif
};

struct LAYER(state) {
    SUM accumulator[COLUMNS];
    WORD filter[COLUMNS]; /* of a readout: its value */
    WORD drive[COLUMNS];
    WORD membrane[COLUMNS];
    WORD refractory[COLUMNS];
    uint8_t spikes[COLUMNS];
    uint32_t events[INPUTS];
    uint8_t previous[INPUTS + 64]; /* the inputs that made the accumulator, and 0 beyond */
    int known;
};

static inline __attribute__((always_inline)) void LAYER(sum_block)(
    const WEIGHT *weight, const uint8_t *inputs, const uint32_t *events, uint32_t count, SUM *sum, const int vectors)
{
    for (uint32_t first = 0; first < count; first += GROUP) {
        const uint32_t last = (count - first > GROUP) ? first + GROUP : count;
        LAYER(lanes) total[8] = {0};
        for (uint32_t e = first; e < last; ++e) {
            const LAYER(weights) *row = (const LAYER(weights) *)(weight + (size_t)events[e] * COLUMNS);
#if INPUT_IS_SPIKES
            for (int k = 0; k < vectors; ++k) {
                total[k] += WIDEN(row[k]);
            }
#else
            const LANE value = (LANE)inputs[events[e]];
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
    (void)inputs;
}

/* Spec 5.1, over the inputs that are not 0; kept from the step before where the inputs are the same. */
static void LAYER(accumulate)(struct LAYER(state) *s, const struct LAYER(constants) *c, const uint8_t *inputs)
{
    if (s->known && memcmp(s->previous, inputs, INPUTS) == 0) {
        return;
    }
    memcpy(s->previous, inputs, INPUTS);
    s->known = 1;
    const uint32_t count = list_events(s->previous, INPUTS, s->events);
    memset(s->accumulator, 0, sizeof s->accumulator);
    uint32_t column = 0;
    for (; column + 128 <= COLUMNS; column += 128) {
        LAYER(sum_block)(c->weight + column, inputs, s->events, count, s->accumulator + column, 8);
    }
    for (; column < COLUMNS; column += 16) {
        LAYER(sum_block)(c->weight + column, inputs, s->events, count, s->accumulator + column, 1);
    }
}

/* Spec 5.2 and 5.3. */
static void LAYER(drives)(struct LAYER(state) *s, const struct LAYER(constants) *c)
{
    for (uint32_t j = 0; j < NEURONS; ++j) {
        const PRODUCT product = (PRODUCT)s->accumulator[j] * MULTIPLIER(j) + BIAS(j);
        const WORD q = RESCALED((WORD)RESCALE(product));
#ifdef FILTER
        const WORD y = s->filter[j];
        s->filter[j] = FILTER((WORD)(y - (WORD)LEAK((LOSS)((LOSS)y * DECAY(j))) + q));
#ifdef SPIKING
        s->drive[j] = DRIVE((WORD)(s->filter[j] + OFFSET(j)));
#endif
#else
        s->drive[j] = q;
#endif
    }
    (void)c;
}

#ifdef SPIKING
/*
 * Spec 5.4 and 5.5 for neurons first to last - 1; `drive` and `spikes` begin with those of the first.
 * Indices are signed and the choice of u is one of masks: with wrapping indices, or with loads that only one
 * side of a choice needs, GCC makes no vectors of the last loop and takes three times as long.
 */
static inline __attribute__((always_inline)) void LAYER(update)(
    WORD *restrict membrane, WORD *restrict refractory, uint8_t *restrict spikes, const WORD *restrict drive,
    const struct LAYER(constants) *c, const ptrdiff_t first, const ptrdiff_t last)
{
    WORD held[BLOCK];
    int32_t place[BLOCK];
    ENTRY entry[BLOCK];
    const ptrdiff_t count = last - first;
    for (ptrdiff_t i = 0; i < count; ++i) {
        const ptrdiff_t j = first + i;
        const WORD v = (membrane[j] >= THRESHOLD(j)) ? RESET(j) : membrane[j];
        const WORD low = (v < TABLE_START) ? TABLE_START : v;
        held[i] = v;
        place[i] = (int32_t)(((low > TABLE_LAST) ? TABLE_LAST : low) - TABLE_START + FIRST_ENTRY(j));
    }
    for (ptrdiff_t i = 0; i < count; ++i) {
        entry[i] = c->table[place[i]];
    }
    for (ptrdiff_t i = 0; i < count; ++i) {
        const ptrdiff_t j = first + i;
        const WORD v = held[i];
        const WORD sum = TOTAL((WORD)((GROWTH_OF(entry[i]) << GROWTH_SHIFT) - v + drive[i]));
        const WORD moved = v + (WORD)MOVE((PUSH)(GAIN_OF(entry[i]) * (PUSH)sum));
        const WORD candidate = MEMBRANE((moved > THRESHOLD(j)) ? THRESHOLD(j) : moved);
        const WORD wait = refractory[j];
        const WORD held_back = -(WORD)(wait > 0);
        const WORD u = (v & held_back) | (candidate & ~held_back);
        const WORD fired = u >= THRESHOLD(j);
        const WORD left = (wait > 0) ? wait - 1 : 0;
        membrane[j] = u;
        refractory[j] = fired ? REFRACTORY_STEPS(j) : left;
        spikes[i] = (uint8_t)fired;
    }
}

static void LAYER(neurons)(struct LAYER(state) *s, const struct LAYER(constants) *c)
{
    ptrdiff_t first = 0;
    for (; first + BLOCK <= NEURONS; first += BLOCK) {
        LAYER(update)(s->membrane, s->refractory, s->spikes + first, s->drive + first, c, first, first + BLOCK);
    }
    if (first < NEURONS) {
        LAYER(update)(s->membrane, s->refractory, s->spikes + first, s->drive + first, c, first, NEURONS);
    }
}
#endif
