/* Reads a stimulus and writes the trace of all signals: network STIMULUS TRACE (formats: trace.h). */
#include "trace.h"

int main(int argc, char *argv[])
{
    int failed = 1;
    if (argc != 3) {
        (void)fprintf(stderr, "usage: %s STIMULUS TRACE\n", argv[0]);
        return 2;
    }
    FILE *const stimulus = fopen(argv[1], "rb");
    FILE *const trace = fopen(argv[2], "wb");
    if ((stimulus != NULL) && (trace != NULL)) {
        failed = expifref_trace(stimulus, trace);
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
