#include "trace.h"

#include <inttypes.h>

#include "network.h"

static int read_bytes(FILE *file, uint8_t bytes[], size_t count)
{
    return (fread(bytes, 1U, count, file) == count) ? 0 : 1;
}

static int read_word(FILE *file, uint32_t *word)
{
    uint8_t bytes[4] = {0};
    const int failed = read_bytes(file, bytes, sizeof bytes);
    *word = (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) |
            ((uint32_t)bytes[3] << 24);
    return failed;
}

/* Without converting an unsigned number that the signed type does not hold. */
static int64_t to_signed(uint32_t low, uint32_t high)
{
    const int64_t magnitude = (int64_t)(high & UINT32_C(0x7fffffff)) * INT64_C(4294967296) + (int64_t)low;
    return ((high >> 31) != 0U) ? ((magnitude - INT64_MAX) - 1) : magnitude;
}

static int read_states(FILE *file)
{
    int failed = 0;
    for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
        const uint32_t size = (expifref_signal_is_state(signal) != 0U) ? expifref_signal_size(signal) : 0U;
        for (uint32_t j = 0U; (j < size) && (failed == 0); ++j) {
            uint32_t low = 0U;
            uint32_t high = 0U;
            failed = read_word(file, &low) | read_word(file, &high);
            expifref_set_state(signal, j, to_signed(low, high));
        }
    }
    return failed;
}

static int write_signals(FILE *file)
{
    int failed = 0;
    for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
        for (uint32_t j = 0U; (j < expifref_signal_size(signal)) && (failed == 0); ++j) {
            const uint64_t value = (uint64_t)expifref_signal(signal, j);
            uint8_t bytes[8];
            for (uint32_t i = 0U; i < 8U; ++i) {
                bytes[i] = (uint8_t)(value >> (8U * i));
            }
            failed = (fwrite(bytes, 1U, sizeof bytes, file) == sizeof bytes) ? 0 : 1;
        }
    }
    return failed;
}

static int print_signals(FILE *file, uint32_t sample, uint32_t step)
{
    int failed = 0;
    for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
        const char *const name = expifref_signal_name(signal);
        failed |= (fprintf(file, "%" PRIu32 " %" PRIu32 " %s", sample, step, name) < 0) ? 1 : 0;
        for (uint32_t j = 0U; (j < expifref_signal_size(signal)) && (failed == 0); ++j) {
            failed = (fprintf(file, " %" PRId64, expifref_signal(signal, j)) < 0) ? 1 : 0;
        }
        failed |= (fputc('\n', file) == EOF) ? 1 : 0;
    }
    return failed;
}

#ifdef EXPIFREF_INPUT_MIN
typedef int8_t network_input;

static int32_t value_of(uint8_t byte)
{
    return (byte < 128U) ? (int32_t)byte : ((int32_t)byte - 256);
}

static int is_outside(int32_t input)
{
    return ((input < EXPIFREF_INPUT_MIN) || (input > EXPIFREF_INPUT_MAX)) ? 1 : 0;
}
#else
typedef uint8_t network_input;

static uint32_t value_of(uint8_t byte)
{
    return byte;
}

static int is_outside(uint32_t input)
{
    return (input > EXPIFREF_INPUT_MAX) ? 1 : 0;
}
#endif

static int run_step(FILE *stimulus)
{
    static network_input spikes[EXPIFREF_INPUTS];
    static expifref_output readout[EXPIFREF_OUTPUTS];
    for (uint32_t i = 0U; i < EXPIFREF_INPUTS; ++i) {
        uint8_t byte = 0U;
        if ((read_bytes(stimulus, &byte, 1U) != 0) || (is_outside(value_of(byte)) != 0)) {
            return 1;
        }
        spikes[i] = (network_input)value_of(byte);
    }
    expifref_step(spikes, readout);
    for (uint32_t j = 0U; j < EXPIFREF_OUTPUTS; ++j) {
        /* The readout that the caller gets is the one that is traced. */
        if (readout[j] != expifref_signal(EXPIFREF_OUTPUT_SIGNAL, j)) {
            return 1;
        }
    }
    return 0;
}

int expifref_trace(FILE *stimulus, FILE *trace, enum expifref_form form)
{
    uint32_t steps = 0U;
    uint32_t samples = 0U;
    uint32_t has_states = 0U;
    int failed = read_word(stimulus, &steps) | read_word(stimulus, &samples) | read_word(stimulus, &has_states);
    for (uint32_t sample = 0U; (sample < samples) && (failed == 0); ++sample) {
        expifref_reset();
        if (has_states != 0U) {
            failed = read_states(stimulus);
        }
        for (uint32_t step = 0U; (step < steps) && (failed == 0); ++step) {
            failed = run_step(stimulus);
            if (failed == 0) {
                failed = (form == EXPIFREF_TEXT) ? print_signals(trace, sample, step) : write_signals(trace);
            }
        }
    }
    return failed;
}
