/*
 * What a person writes by hand for this one program: how fast the machine can be.
 *
 * AVX2 only, int16 membranes, drives and table entries, whole steps over all neurons. The float loop is
 * exponential Euler in float32, vectorised by the compiler (-ffast-math, glibc's vector expf and expm1f).
 */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Constants of one spiking layer whose neurons are all alike. */
struct neuron {
    int32_t threshold, reset, period;
    int32_t start, last, domain_shift;           /* of the tables, in membrane codes */
    int32_t growth_shift, sum_low, sum_high;
    int32_t gain_shift, lowest, highest;         /* of the move and the membrane */
    const int32_t *growth, *gain;                /* value | difference to the next << 16, for each segment */
    const int32_t *packed;                       /* gain | growth << 16, for each code */
};

static inline __m256i clip(__m256i x, int32_t low, int32_t high)
{
    return _mm256_min_epi32(_mm256_max_epi32(x, _mm256_set1_epi32(low)), _mm256_set1_epi32(high));
}

static inline __m256i between(const int32_t *table, __m256i place, __m256i rest, const struct neuron *n)
{
    const __m256i entry = _mm256_i32gather_epi32(table, place, 4);
    const __m256i left = _mm256_and_si256(entry, _mm256_set1_epi32(0xFFFF));
    const __m256i product = _mm256_mullo_epi32(_mm256_srai_epi32(entry, 16), rest);
    const __m256i half = _mm256_set1_epi32((1 << n->domain_shift) >> 1);
    return _mm256_add_epi32(left, _mm256_srai_epi32(_mm256_add_epi32(product, half), n->domain_shift));
}

/* (a * b + half) >> shift in 64 bits; the result fits 32. */
static inline __m256i rounded_product(__m256i a, __m256i b, int32_t shift)
{
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << (shift - 1));
    const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
    const __m256i odd =
        _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
    return _mm256_blend_epi32(
        _mm256_srli_epi64(even, shift), _mm256_slli_epi64(odd, 32 - shift), 0xAA);
}

/* Eight neurons; returns a mask of those that spike. `one_table` is known when this is compiled. */
static inline __m256i update(
    const struct neuron *n, __m256i *membrane, __m256i *wait, __m256i drive, const int one_table)
{
    const __m256i threshold = _mm256_set1_epi32(n->threshold), zero = _mm256_setzero_si256();
    const __m256i below = _mm256_cmpgt_epi32(threshold, *membrane);
    const __m256i v = _mm256_blendv_epi8(_mm256_set1_epi32(n->reset), *membrane, below);
    const __m256i offset = _mm256_sub_epi32(clip(v, n->start, n->last), _mm256_set1_epi32(n->start));
    __m256i growth, gain;
    if (one_table) {
        const __m256i entry = _mm256_i32gather_epi32(n->packed, offset, 4);
        growth = _mm256_srli_epi32(entry, 16);
        gain = _mm256_and_si256(entry, _mm256_set1_epi32(0xFFFF));
    } else {
        const __m256i place = _mm256_srai_epi32(offset, n->domain_shift);
        const __m256i rest = _mm256_sub_epi32(offset, _mm256_slli_epi32(place, n->domain_shift));
        growth = between(n->growth, place, rest, n);
        gain = between(n->gain, place, rest, n);
    }
    const __m256i pull = _mm256_add_epi32(_mm256_sub_epi32(_mm256_slli_epi32(growth, n->growth_shift), v), drive);
    const __m256i move = rounded_product(gain, clip(pull, n->sum_low, n->sum_high), n->gain_shift);
    const __m256i moved = _mm256_min_epi32(_mm256_add_epi32(v, move), threshold);
    const __m256i waiting = _mm256_cmpgt_epi32(*wait, zero);
    const __m256i u = _mm256_blendv_epi8(clip(moved, n->lowest, n->highest), v, waiting);
    const __m256i quiet = _mm256_cmpgt_epi32(threshold, u);
    const __m256i left = _mm256_max_epi32(_mm256_sub_epi32(*wait, _mm256_set1_epi32(1)), zero);
    *membrane = u;
    *wait = _mm256_blendv_epi8(_mm256_set1_epi32(n->period), left, quiet);
    return _mm256_andnot_si256(quiet, _mm256_set1_epi32(-1));
}

static inline __m256i widen(const int16_t *x)
{
    return _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)x));
}

static inline void narrow(int16_t *x, __m256i value)
{
    const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(value, value), 0x88);
    _mm_storeu_si128((__m128i *)x, _mm256_castsi256_si128(both));
}

static inline __attribute__((always_inline)) void neurons(
    const struct neuron *n, int64_t steps, int64_t count, const int16_t *drive, int16_t *membrane, int16_t *wait,
    int16_t *spikes, const int one_table)
{
    for (int64_t t = 0; t < steps; ++t, drive += count) {
        for (int64_t j = 0; j < count; j += 8) {
            __m256i u = widen(membrane + j), w = widen(wait + j);
            const __m256i fired = update(n, &u, &w, widen(drive + j), one_table);
            narrow(membrane + j, u);
            narrow(wait + j, w);
            narrow(spikes + j, _mm256_sub_epi32(widen(spikes + j), fired));
        }
    }
}

/* W1; `count` is a multiple of 8, `spikes` [count] are counted. */
void w1_interpolating(
    const struct neuron *n, int64_t steps, int64_t count, const int16_t *drive, int16_t *membrane, int16_t *wait,
    int16_t *spikes)
{
    neurons(n, steps, count, drive, membrane, wait, spikes, 0);
}

void w1_one_table(
    const struct neuron *n, int64_t steps, int64_t count, const int16_t *drive, int16_t *membrane, int16_t *wait,
    int16_t *spikes)
{
    neurons(n, steps, count, drive, membrane, wait, spikes, 1);
}

/* W1 in float32, mV and ms: exponential Euler with the candidate clamped at the cutoff. */
void w1_float(
    int64_t steps, int64_t count, const float *current, float *restrict v, int32_t *restrict wait,
    int32_t *restrict spikes)
{
    const float a = 0.1f / 10.0f;
    for (int64_t t = 0; t < steps; ++t, current += count) {
        for (int64_t j = 0; j < count; ++j) {
            const float held = (v[j] >= -40.0f) ? -68.0f : v[j];
            const float growth = expf((held + 59.9f) * (1.0f / 3.48f));
            const float z = a * (growth - 1.0f);
            const float phi = (fabsf(z) < 1e-6f) ? 1.0f : expm1f(z) / z;
            const float moved = held + a * phi * (-65.0f - held + 3.48f * growth + current[j]);
            const float candidate = (moved > -40.0f) ? -40.0f : moved;
            const float next = (wait[j] > 0) ? held : candidate;
            const int32_t fired = next >= -40.0f;
            v[j] = next;
            wait[j] = fired ? 16 : (wait[j] > 0 ? wait[j] - 1 : 0);
            spikes[j] += fired;
        }
    }
}

/* One layer of W2: `columns` is a multiple of 16, weights are [inputs][columns]. */
struct layer {
    int64_t inputs, columns;
    const int8_t *weight;
    const int32_t *multiplier, *bias;
    int32_t rescale_shift, drive_low, drive_high;
    struct neuron neuron;
};

enum { MOST = 1024, GROUP = 256 };

/* The sums of the rows of `events` for 128 columns, or for 16: in int16, moved to int32 after GROUP events. */
static inline __attribute__((always_inline)) void sum_rows(
    const struct layer *l, int64_t column, const int32_t *events, int64_t count, int32_t *sum, const int vectors)
{
    memset(sum + column, 0, (size_t)vectors * 16 * sizeof *sum);
    for (int64_t first = 0; first < count; first += GROUP) {
        const int64_t last = (count - first > GROUP) ? first + GROUP : count;
        __m256i total[8];
        for (int k = 0; k < vectors; ++k) {
            total[k] = _mm256_setzero_si256();
        }
        for (int64_t e = first; e < last; ++e) {
            const int8_t *row = l->weight + events[e] * l->columns + column;
            for (int k = 0; k < vectors; ++k) {
                const __m128i eight_bits = _mm_loadu_si128((const __m128i *)(row + 16 * k));
                total[k] = _mm256_add_epi16(total[k], _mm256_cvtepi8_epi16(eight_bits));
            }
        }
        for (int k = 0; k < vectors; ++k) {
            __m256i *const place = (__m256i *)(sum + column + 16 * k);
            const __m256i low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(total[k]));
            const __m256i high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256(total[k], 1));
            _mm256_storeu_si256(place, _mm256_add_epi32(_mm256_loadu_si256(place), low));
            _mm256_storeu_si256(place + 1, _mm256_add_epi32(_mm256_loadu_si256(place + 1), high));
        }
    }
}

/* One step of one layer; returns how many neurons spiked and lists them in `out`. */
static int64_t step(const struct layer *l, const int32_t *events, int64_t count, int32_t *u, int32_t *wait, int32_t *out)
{
    int32_t sum[MOST];
    int64_t column = 0, spikes = 0;
    for (; column + 128 <= l->columns; column += 128) {
        sum_rows(l, column, events, count, sum, 8);
    }
    for (; column < l->columns; column += 16) {
        sum_rows(l, column, events, count, sum, 1);
    }
    const __m256i half = _mm256_set1_epi32((1 << l->rescale_shift) >> 1);
    for (int64_t j = 0; j < l->columns; j += 8) {
        const __m256i *const multiplier = (const __m256i *)(l->multiplier + j), *const bias = (const __m256i *)(l->bias + j);
        const __m256i product =
            _mm256_mullo_epi32(_mm256_loadu_si256((const __m256i *)(sum + j)), _mm256_loadu_si256(multiplier));
        const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(product, _mm256_loadu_si256(bias)), half);
        const __m256i drive = clip(_mm256_srai_epi32(rounded, l->rescale_shift), l->drive_low, l->drive_high);
        __m256i v = _mm256_loadu_si256((const __m256i *)(u + j)), w = _mm256_loadu_si256((const __m256i *)(wait + j));
        const __m256i mask = update(&l->neuron, &v, &w, drive, 1);
        _mm256_storeu_si256((__m256i *)(u + j), v);
        _mm256_storeu_si256((__m256i *)(wait + j), w);
        for (uint32_t fired = (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(mask)); fired != 0; fired &= fired - 1) {
            out[spikes++] = (int32_t)(j + __builtin_ctz(fired));
        }
    }
    return spikes;
}

/* W2: counts [batch][second columns] the spikes of the second layer; `initial` is the membrane at the start,
 * `last_first` and `last_second` [batch][columns] those at the end. */
void w2_events(
    const struct layer *first, const struct layer *second, int64_t steps, int64_t batch, const uint8_t *inputs,
    const int32_t *initial, int32_t *counts, int32_t *last_first, int32_t *last_second)
{
    int32_t events[MOST], hidden[MOST], out[MOST], u[2][MOST], wait[2][MOST];
    for (int64_t b = 0; b < batch; ++b) {
        memset(wait, 0, sizeof wait);
        for (int64_t j = 0; j < MOST; ++j) {
            u[0][j] = initial[0];
            u[1][j] = initial[1];
        }
        for (int64_t t = 0; t < steps; ++t) {
            const uint8_t *const row = inputs + (t * batch + b) * first->inputs;
            int64_t count = 0;
            for (int64_t i = 0; i < first->inputs; ++i) {
                events[count] = (int32_t)i; /* no branch that is hard to predict */
                count += row[i];
            }
            const int64_t spikes = step(first, events, count, u[0], wait[0], hidden);
            const int64_t fired = step(second, hidden, spikes, u[1], wait[1], out);
            for (int64_t i = 0; i < fired; ++i) {
                counts[b * second->columns + out[i]] += 1;
            }
        }
        memcpy(last_first + b * first->columns, u[0], (size_t)first->columns * sizeof *last_first);
        memcpy(last_second + b * second->columns, u[1], (size_t)second->columns * sizeof *last_second);
    }
}
