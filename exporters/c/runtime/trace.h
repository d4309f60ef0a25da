#ifndef EXPIFREF_TRACE_H
#define EXPIFREF_TRACE_H

#include <stdio.h>

/*
 * Runs a stimulus and writes every signal of every step.
 *
 * A stimulus is little-endian: three uint32 (steps, samples, 1 where states follow), then for each sample
 * its states (an int64 for each value, in the order of the signals) where they follow, then a byte for each
 * step and input, in two's complement where inputs have a sign. A binary trace is an int64 for each sample,
 * step, signal and element, in this order; a text trace has a line for each sample, step and signal: these
 * three, then the elements.
 *
 * Returns 0, or 1 where a file ends early, holds an input that is out of its range, or cannot be written.
 */
enum expifref_form { EXPIFREF_BINARY, EXPIFREF_TEXT };

int expifref_trace(FILE *stimulus, FILE *trace, enum expifref_form form);

#endif
