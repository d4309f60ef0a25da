"""The native executor: every signal of random graphs and programs, its types, its threads, its errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import DataError, ParameterError
from exporters.native.executor import NativeExecutor
from exporters.native.network import native_text
from exporters.native.sums import feed_sums
from exporters.verification import Terms, verify
from quantize.graph.body import Body
from quantize.graph.layers import Dense, Graph, LayerFeed, Port
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow
from quantize.program.file import program_from_json
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.states import initial_state
from quantize.run.trace import Execution
from tests.amount import some
from tests.edits import (
    made,
    with_constants,
    with_dense,
    with_layer,
    with_operation,
    with_tables,
    with_weights,
)
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need
from tests.version1.archive import NAMES, hashes, read, run_of


def inputs_for(program: Program, seed: int, steps: int = 8, samples: int = 5) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    shape = (steps, samples, program.graph.input.channels)
    return np.where(
        rng.random(shape) < 0.4, rng.integers(1, program.graph.input.format.hi + 1, shape), 0
    ).astype(np.uint8)


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


def same(found: Execution, wanted: Execution) -> bool:
    """Whether all signals and states are the same."""
    assert found.signals.keys() == wanted.signals.keys()
    assert found.state.keys() == wanted.state.keys()
    return all(
        np.array_equal(mine[name], theirs[name])
        for mine, theirs in ((found.signals, wanted.signals), (found.state, wanted.state))
        for name in theirs
    )


@pytest.mark.parametrize("seed", some(range(40), 20))
def test_random_graphs_give_every_bit(seed: int) -> None:
    """From their start and from any states that may be given; frames that change and frames that stay."""
    need("gcc")
    graph = random_graph(seed)
    values = random_graph_input(graph, 9, 3, seed)
    values[4:6] = values[3]
    native, emulator = NativeExecutor(graph), GraphEmulator(graph)
    for state in ({}, random_graph_state(graph, 3, seed)):
        assert same(native.run(values, state), emulator.run(values, state))


@pytest.mark.parametrize("seed", range(10))
def test_tables_that_are_interpolated_give_every_bit(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc")
    monkeypatch.setattr("exporters.native.fusions.MOST_ENTRIES", 0)
    graph = random_graph(seed)
    values, state = random_graph_input(graph, 9, 3, seed), random_graph_state(graph, 3, seed)
    assert same(NativeExecutor(graph).run(values, state), GraphEmulator(graph).run(values, state))


@pytest.mark.parametrize("name", some(NAMES, 8))
def test_a_program_of_version_1(name: str) -> None:
    need("gcc")
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    native = NativeExecutor(program.graph)
    start, given = native.run(spikes), native.run(spikes, state)
    assert hashes(start.signals) == wanted["start"]
    assert hashes(start.state) == wanted["start_state"]
    assert hashes(given.signals) == wanted["given"]
    assert hashes(given.state) == wanted["given_state"]


@pytest.mark.parametrize("seed", range(12))
def test_random_programs_give_every_bit(seed: int) -> None:
    need("gcc")
    program = random_program(seed)
    batches = [inputs_for(program, seed), inputs_for(program, seed + 1, 3, 2)]
    result = verify(program, {"native": NativeExecutor(program.graph)}, batches)
    assert result.passed, result.executors["native"].first


@pytest.mark.parametrize("width", [15, 16, 17, 128, 129, 512, 1100])
def test_every_width_of_a_layer(width: int) -> None:
    """Whole and partial vectors and blocks."""
    need("gcc")
    program = lowered(network((9, width, 3), tau_synapse=None), "generic-8bit")
    spikes = inputs_for(program, width, 12, 3)
    result = verify(program, {"native": NativeExecutor(program.graph)}, [spikes], Terms(probe=False))
    assert result.passed, result.executors["native"].first


def test_a_site_as_wide_as_what_it_clips() -> None:
    """32 bits, which no value of a 32-bit product leaves: the compiler must not refuse the comparison."""
    need("gcc")
    program = lowered(network((6, 5, 3)), "spinnaker1")
    result = verify(program, {"native": NativeExecutor(program.graph)}, [inputs_for(program, 0)])
    assert result.passed, result.executors["native"].first


WIDE = [
    (site, bits, overflow)
    for site in ("rescale", "filter", "drive", "sum", "readout.rescale", "readout")
    for bits in (31, 32, 40)
    for overflow in Overflow
    if overflow is Overflow.SAT or site not in ("filter", "readout")  # which no proof lets wrap at 0
]


def with_site(program: Program, site: str, fmt: Format, overflow: Overflow) -> Program:
    """`program` with another format of the same fraction bits and another overflow at `site`."""
    layer, _, result = site.rpartition(".")
    layer = "readout" if site == "readout" else layer or "layer0"
    result = "output" if site == "readout" else result
    found = program.graph.by_name[layer]
    fmt = replace(fmt, frac=made(found, result).format.frac)
    changed = with_operation(program, layer, result, format=fmt, overflow=overflow)
    if result not in found.states:
        return changed
    return with_layer(
        changed, layer, states={**found.states, result: replace(found.states[result], format=fmt)}
    )


@pytest.mark.usefixtures("plainly_compiled")
@pytest.mark.parametrize(("site", "bits", "overflow"), WIDE)
def test_an_unsigned_site_as_wide_as_a_word(site: str, bits: int, overflow: Overflow) -> None:
    """It holds what no 32-bit word does, and not the negative half of one."""
    need("gcc")
    narrow = random_program(6, layers=2, readout=True, widths=(6, 5, 3))
    program = with_site(narrow, site, Format(False, bits, 0), overflow)
    result = verify(program, {"native": NativeExecutor(program.graph)}, [inputs_for(program, 0)])
    assert result.passed, result.executors["native"].first


def test_a_wide_sum_that_is_scaled_down_takes_words_that_hold_it() -> None:
    """Small gains: the proof of all that comes after the sum would do with 32 bits."""
    need("gcc")
    narrow = random_program(6, layers=2, readout=True, widths=(6, 5, 3))
    program = with_site(narrow, "sum", Format(False, 32, 0), Overflow.WRAP)
    gains = {k: v for k, v in program.graph.by_name["layer0"].tables.items() if k.startswith("gain")}
    small = {name: replace(table, values=frozen(table.values >> 4)) for name, table in gains.items()}
    program = with_tables(program, "layer0", **small)
    assert proof_of(program.graph).layers["layer0"]["membrane"].formed.bits <= 31
    assert "const int64_t v_sum = " in native_text(program.graph).source
    result = verify(program, {"native": NativeExecutor(program.graph)}, [inputs_for(program, 0)])
    assert result.passed, result.executors["native"].first


def test_partial_sums_are_moved_before_they_overflow() -> None:
    """700 events of the largest weight: 88,900, which a 16-bit partial sum cannot hold."""
    need("gcc")
    program = lowered(network((700, 20, 3), tau_synapse=None), "generic-16bit")
    heavy = with_weights(program, "layer0", np.full((700, 20), 127))
    wide = with_dense(heavy, "layer0", accumulator=Format(True, 24, 0))
    changed = with_constants(wide, "layer0", multiplier=0, bias=0)
    sums = feed_sums(changed.graph, "layer0", 0)
    assert (sums.macros["LANE"], sums.macros["GROUP"]) == ("int16_t", "258U")
    found = NativeExecutor(changed.graph).run(np.ones((2, 1, 700), np.uint8), signals=["layer0.accumulator"])
    assert (found.signals["layer0.accumulator"] == 88_900).all()


def test_partial_sums_of_values_that_are_never_0_fit() -> None:
    """The sum itself is 0, but half of it is 2**31."""
    need("gcc")
    weight = codes(np.repeat([[127], [-127]], 1 << 16, axis=0))
    body = Body()
    body.next["s"] = body.state("s", Format(False, 8, 0), 255)
    one = body.maximum("s_before", body.constant("floor", 255))
    source = body.layer("source", 1 << 17, (), one)
    body = Body()
    body.signals["sum"] = body.feed(0, "sum")
    feed = LayerFeed("source", Dense(weight, Format(True, 8, 0), Format(True, 40, 0)), frozen([0]))
    graph = Graph(Port(1, Format(False, 1, 0)), (source, body.layer("sums", 1, (feed,), "sum")), "sums")
    assert proof_of(graph).sources["sums"] == (0, 0)
    run = NativeExecutor(graph).run(np.zeros((1, 1, 1), np.uint8))
    assert run.signals["sums.sum"].item() == 0


@pytest.mark.parametrize(
    ("profile", "wide"), [("generic-8bit", False), ("generic-16bit", False), ("spinnaker1", True)]
)
def test_words_are_64_bits_only_for_what_needs_them(profile: str, wide: bool) -> None:
    text = native_text(lowered(network((6, 5, 3), tau_synapse=None), profile).graph).source
    assert ("const int64_t v_" in text) == wide


REFRACTORY = [1, (1 << 31) - 1, 1 << 31, (1 << 40) - 1]


@pytest.mark.parametrize("steps", REFRACTORY)
def test_words_hold_states_and_constants_that_no_site_makes(program: Program, steps: int) -> None:
    need("gcc")
    states = program.graph.by_name["layer0"].states
    waiting = replace(states["refractory"], format=Format(False, steps.bit_length(), 0))
    longer = with_constants(program, "layer0", refractory_steps=[0, 1, steps, 1, steps])
    changed = with_layer(longer, "layer0", states={**states, "refractory": waiting})
    spikes = inputs_for(program, 1, 40)
    state = {"layer0.refractory": np.full((5, 5), steps)}
    native, emulator = NativeExecutor(changed.graph), Emulator(changed)
    assert same(native.run(spikes), emulator.run(spikes))
    assert same(native.run(spikes, state), emulator.run(spikes, state))


@pytest.mark.parametrize("bits", [32, 33, 40, 50])
def test_words_hold_a_given_state_of_a_wide_format(bits: int) -> None:
    """Though nothing that the program itself makes leaves 32 bits."""
    need("gcc")
    narrow = random_program(6, layers=2, readout=True, widths=(6, 5, 3))
    program = with_site(narrow, "readout", Format(True, bits, 0), Overflow.SAT)
    state = {"readout": np.array([[(1 << bits - 1) - 1, -1 << bits - 1, 0]])}
    spikes = inputs_for(program, 0, 4, 1)
    assert same(NativeExecutor(program.graph).run(spikes, state), Emulator(program).run(spikes, state))


def test_an_unchanged_input_keeps_its_sum(program: Program) -> None:
    need("gcc")
    spikes = np.repeat(inputs_for(program, 3, 2, 4), 3, axis=0)
    assert verify(program, {"native": NativeExecutor(program.graph)}, [spikes], Terms(probe=False)).passed


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_threads_change_nothing(program: Program, threads: int) -> None:
    need("gcc")
    spikes = inputs_for(program, 5)
    found = NativeExecutor(program.graph, threads).run(spikes)
    expected = Emulator(program).run(spikes)
    for name, trace in expected.signals.items():
        assert np.array_equal(found.signals[name], trace)
    for name, value in expected.state.items():
        assert np.array_equal(found.state[name], value)


def test_only_the_signals_that_are_asked_for(program: Program) -> None:
    need("gcc")
    spikes = inputs_for(program, 6)
    found = NativeExecutor(program.graph).run(spikes, signals=["readout"])
    assert list(found.signals) == ["readout"]
    assert np.array_equal(found.signals["readout"], Emulator(program).run(spikes).signals["readout"])


def test_the_given_state_is_not_changed(program: Program) -> None:
    need("gcc")
    state = initial_state(program.graph, 5)
    before = {name: values.copy() for name, values in state.items()}
    NativeExecutor(program.graph).run(inputs_for(program, 7), state)
    assert all(np.array_equal(state[name], before[name]) for name in before)


def test_the_text_does_not_depend_on_the_weights(program: Program) -> None:
    weight = program.graph.by_name["layer0"].feeds[0].connection.weight
    other = with_weights(program, "layer0", weight[::-1])
    assert native_text(other.graph).source == native_text(program.graph).source


def test_errors_are_sentences(program: Program) -> None:
    need("gcc")
    with pytest.raises(ParameterError, match=r"^`threads` must be at least 1, not 0$"):
        NativeExecutor(program.graph, 0)
    executor = NativeExecutor(program.graph)
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 5$"):
        executor.run(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(DataError, match=r"^`bogus` is not a signal of this program: layer0.accumulator, "):
        executor.run(inputs_for(program, 0), signals=["bogus"])
