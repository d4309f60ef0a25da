"""The emitted C of random programs against the emulator: every signal of every step."""

from __future__ import annotations

import pytest

from exporters.c.executor import CExecutor
from exporters.verification import differing_bits
from quantize.emulator import Emulator
from quantize.program import Program
from tests.programs import random_input, random_program, random_state
from tests.tools import need

SANITIZERS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
BATCHES = 20
PER_BATCH = 10


def check(program: Program, seed: int, platform: str, extra: str) -> None:
    executor = CExecutor(program, platform, extra)
    spikes, state = random_input(program, 6, 5, seed), random_state(program, 5, seed)
    for start in (None, state):
        expected = Emulator(program).run(spikes, start)
        found = executor.run(spikes, start)
        for name, trace in expected.signals.items():
            assert differing_bits(trace, found.signals[name].copy()) == 0, f"{name} of program {seed}"
        for name, values in expected.state.items():
            assert (values == found.state[name]).all(), f"{name} of program {seed}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_random_programs_are_equal(batch: int) -> None:
    need("make", "gcc")
    for seed in range(batch * PER_BATCH, (batch + 1) * PER_BATCH):
        check(random_program(seed), seed, "host", "-O0")


@pytest.mark.parametrize("seed", range(1000, 1012))
def test_random_programs_run_clean_under_sanitizers(seed: int) -> None:
    need("make", "gcc")
    check(random_program(seed), seed, "host", SANITIZERS)


@pytest.mark.parametrize("seed", range(2000, 2012))
def test_random_programs_with_clang(seed: int) -> None:
    need("make", "clang")
    check(random_program(seed), seed, "host-clang", "-O1")


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5, 16, 28])
def test_packed_weights_and_graded_inputs(bits: int) -> None:
    need("make", "gcc")
    for seed in range(3):
        check(
            random_program(seed, weight_bits=bits, input_bits=3, widths=[5, 7, 3], layers=2),
            seed,
            "host",
            "-O0",
        )


@pytest.mark.parametrize("platform", ["cortex-m4", "cortex-m0", "arm968", "rv32imac"])
def test_random_programs_on_emulated_cores(platform: str) -> None:
    from exporters.c.build import PLATFORMS

    need(*PLATFORMS[platform].tools)
    for seed in range(4):
        check(random_program(seed), seed, platform, "")
