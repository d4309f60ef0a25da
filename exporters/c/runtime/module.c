/*
 * What a network offers that runs in the memory of another program: as WebAssembly for the page and for
 * verification, on an emulated core for verification. Whoever runs it writes inputs and states into its
 * memory from `heap` on, and reads signals there.
 */
#include "network.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(name)))
#else
#define EXPORT(name)
#endif

#ifdef EXPIFREF_INPUT_MIN
typedef int8_t network_input;
#else
typedef uint8_t network_input;
#endif

#ifdef __wasm__
extern unsigned char __heap_base;

/* The first byte of the memory that nothing else uses, at a multiple of 16. */
EXPORT("heap") uint32_t module_heap(void)
{
    return ((uint32_t)(uintptr_t)&__heap_base + 15U) & ~UINT32_C(15);
}
#endif

EXPORT("reset") void module_reset(void)
{
    expifref_reset();
}

/* Sets every state, given as an int64 for each value, in the order of the signals. */
EXPORT("load") void module_load(const int64_t *values)
{
    for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
        const uint32_t size = (expifref_signal_is_state(signal) != 0U) ? expifref_signal_size(signal) : 0U;
        for (uint32_t j = 0U; j < size; ++j) {
            expifref_set_state(signal, j, *values);
            ++values;
        }
    }
}

/*
 * Runs `steps` steps on `frames`, a byte for each step and input, and writes all signals of each step to
 * `trace`, an int64 for each step, signal and element. Returns the number of steps after which the output
 * that the caller of a step gets was the one in the trace: all of them.
 */
EXPORT("run") uint32_t module_run(const network_input *frames, uint32_t steps, int64_t *trace)
{
    static expifref_output readout[EXPIFREF_OUTPUTS];
    uint32_t equal = 0U;
    for (uint32_t step = 0U; step < steps; ++step) {
        expifref_step(frames, readout);
        frames += EXPIFREF_INPUTS;
        for (uint32_t signal = 0U; signal < EXPIFREF_SIGNALS; ++signal) {
            const uint32_t size = expifref_signal_size(signal);
            for (uint32_t j = 0U; j < size; ++j) {
                *trace = expifref_signal(signal, j);
                ++trace;
            }
        }
        uint32_t same = 1U;
        for (uint32_t j = 0U; j < EXPIFREF_OUTPUTS; ++j) {
            same &= (readout[j] == expifref_signal(EXPIFREF_OUTPUT_SIGNAL, j)) ? 1U : 0U;
        }
        equal += same;
    }
    return equal;
}
