"""Totals: every executor that offers them gives the sums of the emulator's traces, however a run is cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exporters.native.executor import NativeExecutor
from quantize.jax import JaxExecutor
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Execution, SummingExecutor, Totals
from tests.programs import random_input, random_program, random_state
from tests.tools import need

MAKERS: dict[str, Callable[[Program], SummingExecutor]] = {
    "emulator": Emulator,
    "jax": lambda program: JaxExecutor(program.graph),
    "native": lambda program: NativeExecutor(program.graph),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[Program], SummingExecutor]:
    if request.param == "native":
        need("gcc")
    return MAKERS[request.param]


def sums_of(program: Program, run: Execution) -> Totals:
    """What is left of every signal of a run."""
    counts = {name: t.sum(axis=0) for name, t in run.signals.items() if name.endswith(".spikes")}
    return Totals(run.signals[program.output_name].sum(axis=0), counts, run.state)


def equal(found: Totals, wanted: Totals) -> None:
    np.testing.assert_equal(vars(found), vars(wanted))
    assert list(found.spikes) == list(wanted.spikes)
    assert list(found.state) == list(wanted.state)
    arrays = [found.output, *found.spikes.values(), *found.state.values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.int64)}


@pytest.mark.parametrize("seed", range(8))
def test_the_sums_of_the_traces(make: Callable[[Program], SummingExecutor], seed: int) -> None:
    program = random_program(seed, readout=seed % 3 > 0)
    spikes = random_input(program, 9, 4, seed)
    state = random_state(program, 4, seed) if seed % 2 else None
    wanted = sums_of(program, Emulator(program).run(spikes, state))
    found = make(program).totals(spikes, state)
    equal(found, wanted)
    np.testing.assert_array_equal(found.predictions, wanted.output.argmax(axis=-1))


def test_a_run_that_goes_on(make: Callable[[Program], SummingExecutor]) -> None:
    program = random_program(7, layers=2)
    spikes = random_input(program, 10, 3, 0)
    executor = make(program)
    first = executor.totals(spikes[:4])
    equal(first.then(executor.totals(spikes[4:], first.state)), executor.totals(spikes))


def test_the_given_state_is_not_changed(make: Callable[[Program], SummingExecutor]) -> None:
    program = random_program(5, layers=2)
    state = random_state(program, 3, 2)
    before = {name: values.copy() for name, values in state.items()}
    make(program).totals(random_input(program, 6, 3, 1), state)
    np.testing.assert_equal(state, before)


def test_the_emulator_counts_what_saturates() -> None:
    program = random_program(3, layers=2)
    spikes = random_input(program, 9, 4, 0)
    summing, tracing = Emulator(program), Emulator(program)
    summing.totals(spikes)
    tracing.run(spikes)
    assert summing.saturations == tracing.saturations
    assert summing.saturations.total() > 0
