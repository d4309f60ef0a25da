"""The emulator, and what runs leave: traces, totals, probes."""
