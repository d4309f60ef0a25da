"""The peak memory of `emulate` depends on neither the steps nor the samples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from quantize.program.file import save_program
from tests.amount import some
from tests.networks import lowered, network
from tests.tools import need

INPUTS, NEURONS = 100, 64
MOST_MORE = 12 << 20
"""Bytes that 10 times the input may take more; the input has 20 MB, the signals kept have 38 MB."""

TOTALS = ("--totals",)
SIGNALS = ("--signal", "layer0.spikes", "--signal", "layer0.membrane")
EMULATOR, NATIVE = ("--executor", "emulator"), ("--executor", "native")
SHARED = (*NATIVE, "--processes", 2)

# The small process between is the parent: a child counts the memory of the one that it was forked from.
WATCH = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "cli", *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
print(1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(*arguments: object) -> int:
    """Largest resident set in bytes of the command, or of one of its processes."""
    command = [sys.executable, "-c", WATCH, *map(str, arguments)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program and the same input at three lengths: 100 steps of 200 samples, and 10 times either."""
    made = tmp_path_factory.mktemp("memory")
    save_program(lowered(network((INPUTS, NEURONS, 10), tau_synapse=None)), made / "p.json")
    rng = np.random.default_rng(0)
    for name, steps, samples in (("short", 100, 200), ("steps", 1000, 200), ("samples", 100, 2000)):
        spikes = np.lib.format.open_memmap(made / f"{name}.npy", "w+", np.uint8, (steps, samples, INPUTS))
        spikes[:] = rng.random((steps, 1, INPUTS)) < 0.1
    return made


@pytest.mark.parametrize(
    ("longer", "options"),
    some(
        [
            ("steps", (*TOTALS, *EMULATOR)),
            ("steps", (*SIGNALS, *NATIVE)),
            ("samples", (*SIGNALS, *SHARED)),
            ("samples", (*TOTALS, *SHARED)),
        ],
        2,
    ),
)
def test_ten_times_the_input(folder: Path, tmp_path: Path, longer: str, options: tuple[object, ...]) -> None:
    need("gcc")

    def run(name: str) -> int:
        command = ("emulate", folder / "p.json", "--input", folder / f"{name}.npy", "--out", tmp_path / name)
        return peak(*command, *options)

    assert run(longer) - run("short") < MOST_MORE
