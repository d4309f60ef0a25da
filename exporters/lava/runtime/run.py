"""Plays recorded inputs through the network in Lava's simulator, and writes what came out.

    python run.py inputs.npy outputs.npz [--state state.npz] [--without-lava]

Inputs are whole numbers [steps, samples, inputs]. Outputs are the arrays "output" and "signal.NAME" of every
signal, both [steps, samples, units], and "state.NAME" [samples, units] of every state after the last step, by
the names of the program. --state takes any of the latter to start from. --without-lava runs the same
arithmetic in NumPy alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from layers import Integers, Network, Values, results, run_plainly
from network import NETWORK
from watch import end_with_this_process, watched

VALUES_AT_ONCE = 1 << 25
"""Of a recording, which one process keeps; samples beyond them run after the others."""

SENT_AT_ONCE = 1 << 21
"""Values of a step that are recorded: 16 bytes each of shared memory, of which containers have 64 MiB."""


def run(network: Network, frames: Integers, given: Values, lava: bool) -> dict[str, Integers]:
    """Everything that came out, the samples beside each other as far as there is room."""
    steps, samples = frames.shape[:2]
    units = sum(network.units(layer) for layer, _, _ in network.told)
    count = max(min(VALUES_AT_ONCE // steps, SENT_AT_ONCE) // units, 1)
    parts = [slice(first, min(first + count, samples)) for first in range(0, samples, count)]
    found = []
    for part in parts:
        inputs, state = frames[:, part], {name: values[part] for name, values in given.items()}
        told = run_in_lava(inputs, state) if lava else run_plainly(network, inputs, state)
        found.append(results(network, inputs, state, told))
    return {row: np.concatenate([one[row] for one in found], axis=-2) for row in found[0]}


def run_in_lava(frames: Integers, given: Values) -> Values:
    """The same as `run_plainly`, by processes."""
    from processes import record

    told: Values = record(frames, given, watched)
    return told


def checked(network: Network, frames: Integers) -> Integers:
    """`frames` in int64; ends the program where they are no inputs of `network`."""
    lo, hi = network.range
    if frames.dtype.kind not in "iub" or frames.ndim != 3 or frames.shape[2] != network.inputs:
        sys.exit(
            f"the inputs must be whole numbers of the shape [steps, samples, {network.inputs}], "
            f"not {frames.dtype} of the shape {list(frames.shape)}"
        )
    if not frames.size or frames.min() < lo or frames.max() > hi:
        sys.exit(f"the inputs must be at least one step of one sample, of numbers in {lo}..{hi}")
    return frames.astype(np.int64)


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("outputs", type=Path)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--without-lava", action="store_true")
    options = parser.parse_args()
    frames = checked(NETWORK, np.load(options.inputs))
    given: dict[str, Integers] = {}
    if options.state:
        with np.load(options.state) as file:
            given = {name.removeprefix("state."): file[name].astype(np.int64) for name in file.files}
    end_with_this_process()
    found = run(NETWORK, frames, given, lava=not options.without_lava)
    np.savez(options.outputs, **found)


# Lava runs every file of the folder when it looks for the models of a process.
if __name__ == "__main__":
    main()
