"""The emulator against the reading of the specification in Python ints, one neuron at a time."""

from collections import Counter

import numpy as np
import pytest

from expifref.exceptions import DataError
from quantize.numbers.arrays import Integers
from quantize.program.file import program_to_json
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.states import initial_state
from quantize.run.trace import Execution
from tests.edits import per_unit
from tests.graph_executors import assert_agrees
from tests.oracle import Oracle
from tests.programs import random_input, random_program, random_state

SEEDS = range(72)


def equal(a: Execution, b: Execution) -> None:
    for ours, theirs in ((a.signals, b.signals), (a.state, b.state)):
        assert set(ours) == set(theirs)
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_signal_of_every_step_is_the_specifications(seed: int) -> None:
    program = random_program(seed)
    spikes, state = random_input(program, 12, 2, seed), random_state(program, 2, seed)
    assert_agrees("specification", program.graph, spikes, state)


def test_the_programs_reach_the_states_that_matter() -> None:
    """Spikes, refractory neurons, and saturation at every kind of site, or the test above proves little."""
    spiked = waited = 0
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        program = random_program(seed)
        emulator = Emulator(program)
        signals = emulator.run(random_input(program, 12, 2, seed)).signals
        spiked += sum(int(x.sum()) for name, x in signals.items() if name.endswith(".spikes"))
        waited += sum(int((x > 0).sum()) for name, x in signals.items() if name.endswith(".refractory"))
        counts.update({name.rpartition(".")[2]: n for name, n in emulator.saturations.items()})
    assert spiked > 1000
    assert waited > 1000
    assert {"rescale", "filter", "drive", "sum", "membrane", "readout"} <= set(counts)


@pytest.mark.parametrize("seed", range(12))
def test_saturations_are_counted_where_they_happen(seed: int) -> None:
    program = random_program(seed)
    spikes = random_input(program, 8, 2, seed)
    emulator, oracle = Emulator(program), Oracle(program_to_json(program))
    emulator.run(spikes)
    for sample in spikes.swapaxes(0, 1).tolist():
        now = oracle.start()
        for frame in sample:
            _, now = oracle.step(frame, now)
    assert emulator.saturations == +oracle.saturations


def test_counts_add_up_over_runs() -> None:
    program = random_program(1)
    spikes = random_input(program, 8, 2, 1)
    once, twice = Emulator(program), Emulator(program)
    once.run(spikes)
    twice.run(spikes)
    twice.run(spikes)
    assert once.saturations
    assert twice.saturations == once.saturations + once.saturations


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cuts", [[5], [1, 2, 3], [11]])
def test_an_input_in_parts_gives_what_one_run_gives(seed: int, cuts: list[int]) -> None:
    program = random_program(seed)
    spikes = random_input(program, 12, 3, seed)
    whole = Emulator(program).run(spikes)
    parts: list[Execution] = []
    for part in np.split(spikes, cuts):
        parts.append(Emulator(program).run(part, parts[-1].state if parts else None))
    joined = {name: np.concatenate([part.signals[name] for part in parts]) for name in whole.signals}
    equal(whole, Execution(joined, parts[-1].state))


def test_samples_do_not_touch_each_other() -> None:
    program = random_program(5, layers=2)
    spikes = random_input(program, 10, 4, 5)
    together = Emulator(program).run(spikes).signals
    for sample in range(4):
        alone = Emulator(program).run(spikes[:, sample : sample + 1]).signals
        for name, values in alone.items():
            np.testing.assert_array_equal(values[:, 0], together[name][:, sample])


def test_a_part_of_the_state_overrides_that_part() -> None:
    program = random_program(6, layers=1, readout=False)
    start = initial_state(program.graph, 2)
    spikes = random_input(program, 4, 2, 6)
    held = {"layer0.refractory": np.full_like(start["layer0.refractory"], 3)}
    execution = Emulator(program).run(spikes, held)
    # Refractory for three steps: whatever is not above threshold stays where it started.
    assert not execution.signals["layer0.spikes"][:3][:, start["layer0.membrane"] < _threshold(program)].any()
    equal(execution, Emulator(program).run(spikes, start | held))


def test_only_the_signals_asked_for_are_kept() -> None:
    program = random_program(7, layers=2, readout=True)
    spikes = random_input(program, 5, 2, 7)
    whole = Emulator(program).run(spikes)
    part = Emulator(program).run(spikes, signals=["readout", "layer0.spikes"])
    assert list(part.signals) == ["readout", "layer0.spikes"]
    for name, values in part.signals.items():
        np.testing.assert_array_equal(values, whole.signals[name])
    np.testing.assert_array_equal(part.state["readout"], whole.state["readout"])


def test_booleans_are_spikes() -> None:
    program = random_program(8, input_bits=1)
    spikes = random_input(program, 5, 2, 8)
    equal(Emulator(program).run(spikes.astype(np.bool_)), Emulator(program).run(spikes))


WIDE = random_program(9, layers=1, readout=False, input_bits=4, widths=[3, 2])


@pytest.mark.parametrize(
    ("spikes", "message"),
    [
        (np.zeros((2, 1, 4), np.uint8), "the input must have 3 channels, not 4"),
        (np.zeros((2, 3), np.uint8), "the input must have the shape [steps, batch, inputs], not [2, 3]"),
        (np.zeros((2, 1, 3), np.float32), "the input must be whole numbers, not float32"),
        (np.full((2, 1, 3), 16, np.uint8), "the input must lie in 0..15, not in 16..16"),
        (
            np.zeros((0, 1, 3), np.uint8),
            "the input must hold at least one step and one sample, not [0, 1, 3]",
        ),
        (
            np.zeros((2, 0, 3), np.uint8),
            "the input must hold at least one step and one sample, not [2, 0, 3]",
        ),
    ],
)
def test_an_input_that_does_not_fit_is_refused(spikes: np.ndarray, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Emulator(WIDE).run(spikes)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["readout", "layer1.spikes", "layer0", "layer0.voltage", ""])
def test_an_unknown_signal_is_refused(name: str) -> None:
    names = ", ".join(WIDE.signal_names)
    with pytest.raises(DataError) as caught:
        Emulator(WIDE).run(np.zeros((2, 1, 3), np.uint8), signals=[name])
    assert str(caught.value) == f"`{name}` is not a signal of this program: {names}"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            "layer0.spikes",
            np.zeros((1, 2), np.int64),
            f"`layer0.spikes` is not a state of this program: {', '.join(WIDE.state_names)}",
        ),
        (
            "layer0.membrane",
            np.zeros((2, 2), np.int64),
            "`layer0.membrane` must be signed integers of the shape [1, 2], not int64 of the shape [2, 2]",
        ),
        (
            "layer0.membrane",
            np.zeros((1, 2), np.float64),
            "`layer0.membrane` must be signed integers of the shape [1, 2], not float64 of the shape [1, 2]",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_refused(name: str, values: Integers, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Emulator(WIDE).run(np.zeros((2, 1, 3), np.uint8), {name: values})
    assert str(caught.value) == message


def _threshold(program: Program) -> Integers:
    return per_unit(program.graph.by_name["layer0"], "threshold")
