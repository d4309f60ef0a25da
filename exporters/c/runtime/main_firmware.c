/*
 * Runs on a core without an operating system, or in QEMU: the C library reads stimulus.bin and writes
 * trace.bin on the machine of the debugger, by semihosting (formats: trace.h).
 */
#include "trace.h"

int main(void)
{
    FILE *const stimulus = fopen("stimulus.bin", "rb");
    FILE *const trace = fopen("trace.bin", "wb");
    int failed = 1;
    if ((stimulus != NULL) && (trace != NULL)) {
        failed = expifref_trace(stimulus, trace, EXPIFREF_BINARY);
        failed |= (fclose(trace) == 0) ? 0 : 1;
        (void)fclose(stimulus);
    }
    return failed;
}
