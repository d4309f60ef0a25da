/*
 * Reads a stimulus and writes the trace of all signals (formats: trace.h):
 * network STIMULUS TRACE   into a file
 * network STIMULUS         as text, on the standard output
 */
#include "trace.h"

int main(int argc, char *argv[])
{
    int failed = 1;
    if ((argc != 2) && (argc != 3)) {
        (void)fprintf(stderr, "usage: %s STIMULUS [TRACE]\n", argv[0]);
        return 2;
    }
    FILE *const stimulus = fopen(argv[1], "rb");
    FILE *const trace = (argc == 3) ? fopen(argv[2], "wb") : stdout;
    if ((stimulus != NULL) && (trace != NULL)) {
        failed = expifref_trace(stimulus, trace, (argc == 3) ? EXPIFREF_BINARY : EXPIFREF_TEXT);
    }
    if (stimulus != NULL) {
        failed |= (fclose(stimulus) == 0) ? 0 : 1;
    }
    if (trace != NULL) {
        failed |= (fclose(trace) == 0) ? 0 : 1;
    }
    if (failed != 0) {
        (void)fprintf(stderr, "%s: the stimulus cannot be read or the trace cannot be written\n", argv[0]);
    }
    return failed;
}
