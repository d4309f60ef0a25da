"""The native executor: every signal of random programs, its types and modes, its threads, its errors."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import DataError, ParameterError
from exporters.native.executor import NativeExecutor
from exporters.native.source import native_layers, native_source
from exporters.verification import verify
from quantize.arrays import frozen
from quantize.emulator import Emulator, initial_state
from quantize.formats import Format, Overflow, Quantizer
from quantize.program import Program, ReadoutLayer, SpikingLayer
from quantize.ranges import prove
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need

L = TypeVar("L", SpikingLayer, ReadoutLayer)


def inputs_for(program: Program, seed: int, steps: int = 8, samples: int = 5) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    shape = (steps, samples, program.input.channels)
    return np.where(rng.random(shape) < 0.4, rng.integers(1, program.input.hi + 1, shape), 0).astype(np.uint8)


def with_first(program: Program, layer: SpikingLayer) -> Program:
    return replace(program, layers=(layer, *program.layers[1:]))


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network((6, 5, 3)), "generic-16bit")


@pytest.mark.parametrize("seed", range(24))
def test_random_programs_give_every_bit(seed: int) -> None:
    need("gcc")
    program = random_program(seed)
    batches = [inputs_for(program, seed), inputs_for(program, seed + 1, 3, 2)]
    result = verify(program, {"native": NativeExecutor(program)}, batches)
    assert result.passed, result.executors["native"].first


@pytest.mark.parametrize("width", [15, 16, 17, 127, 128, 129, 200])
def test_every_width_of_a_layer(width: int) -> None:
    """Whole and partial vectors and blocks."""
    need("gcc")
    program = lowered(network((9, width, 3), tau_synapse=None), "generic-8bit")
    spikes = inputs_for(program, width, 12, 3)
    result = verify(program, {"native": NativeExecutor(program)}, [spikes], probe=False)
    assert result.passed, result.executors["native"].first


def test_a_site_as_wide_as_what_it_clips() -> None:
    """32 bits, which no value of a 32-bit product leaves: the compiler must not refuse the comparison."""
    need("gcc")
    program = lowered(network((6, 5, 3)), "spinnaker1")
    result = verify(program, {"native": NativeExecutor(program)}, [inputs_for(program, 0)])
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
    hidden, readout = program.layers
    assert isinstance(hidden, SpikingLayer)
    assert isinstance(readout, ReadoutLayer)
    assert hidden.synapse is not None

    def wide(old: Quantizer) -> Quantizer:
        return replace(old, format=replace(fmt, frac=old.format.frac), overflow=overflow)

    def rescaled(layer: L) -> L:
        return replace(layer, rescale=replace(layer.rescale, site=wide(layer.rescale.site)))

    synapse, neuron = hidden.synapse, hidden.neuron
    if site == "rescale":
        hidden = rescaled(hidden)
    elif site == "filter":
        part = replace(synapse.filter, site=wide(synapse.filter.site))
        hidden = replace(hidden, synapse=replace(synapse, filter=part))
    elif site == "drive":
        hidden = replace(hidden, synapse=replace(synapse, drive=wide(synapse.drive)))
    elif site == "sum":
        hidden = replace(hidden, neuron=replace(neuron, sum=wide(neuron.sum)))
    elif site == "readout.rescale":
        readout = rescaled(readout)
    else:
        readout = replace(readout, filter=replace(readout.filter, site=wide(readout.filter.site)))
    return replace(program, layers=(hidden, readout))


@pytest.mark.parametrize(("site", "bits", "overflow"), WIDE)
def test_an_unsigned_site_as_wide_as_a_word(site: str, bits: int, overflow: Overflow) -> None:
    """It holds what no 32-bit word does, and not the negative half of one."""
    need("gcc")
    narrow = random_program(6, layers=2, readout=True, widths=(6, 5, 3))
    program = with_site(narrow, site, Format(False, bits, 0), overflow)
    result = verify(program, {"native": NativeExecutor(program)}, [inputs_for(program, 0)])
    assert result.passed, result.executors["native"].first


def test_a_wide_sum_that_is_scaled_down_takes_words_that_hold_it() -> None:
    """Small gains: the proof of all that comes after the sum would do with 32 bits."""
    need("gcc")
    narrow = random_program(6, layers=2, readout=True, widths=(6, 5, 3))
    program = with_site(narrow, "sum", Format(False, 32, 0), Overflow.WRAP)
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    gain = tuple(replace(table, values=frozen(table.values >> 4)) for table in layer.neuron.gain)
    program = with_first(program, replace(layer, neuron=replace(layer.neuron, gain=gain)))
    assert max(site.interval.bits for site in prove(program).sites if site.site == "layer0.membrane") <= 31
    assert native_layers(program)[0].macros["WORD"] == "int64_t"
    result = verify(program, {"native": NativeExecutor(program)}, [inputs_for(program, 0)])
    assert result.passed, result.executors["native"].first


def test_partial_sums_are_moved_before_they_overflow() -> None:
    """700 events of the largest weight: 88,900, which a 16-bit partial sum cannot hold."""
    need("gcc")
    program = lowered(network((700, 20, 3), tau_synapse=None), "generic-16bit")
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    dense = replace(layer.dense, weight=frozen(np.full((700, 20), 127)), accumulator=Format(True, 24, 0))
    still = replace(layer.rescale, multiplier=frozen(np.zeros(20)), bias=frozen(np.zeros(20)))
    changed = with_first(program, replace(layer, dense=dense, rescale=still))
    native = native_layers(changed)[0]
    assert (native.macros["LANE"], native.macros["GROUP"]) == ("int16_t", "258U")
    found = NativeExecutor(changed).run(np.ones((2, 1, 700), np.uint8), signals=["layer0.accumulator"])
    assert (found.signals["layer0.accumulator"] == 88_900).all()


@pytest.mark.parametrize(("profile", "push"), [("generic-8bit", "int32_t"), ("generic-16bit", "int64_t")])
def test_words_are_64_bits_only_for_the_products_that_need_them(profile: str, push: str) -> None:
    layer, _readout = native_layers(lowered(network((6, 5, 3), tau_synapse=None), profile))
    assert (layer.macros["PUSH"], layer.macros["PRODUCT"], layer.macros["WORD"]) == (
        push,
        "int32_t",
        "int32_t",
    )


def test_an_unchanged_input_keeps_its_sum(program: Program) -> None:
    need("gcc")
    spikes = np.repeat(inputs_for(program, 3, 2, 4), 3, axis=0)
    assert verify(program, {"native": NativeExecutor(program)}, [spikes], probe=False).passed


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_threads_change_nothing(program: Program, threads: int) -> None:
    need("gcc")
    spikes = inputs_for(program, 5)
    found = NativeExecutor(program, threads).run(spikes)
    expected = Emulator(program).run(spikes)
    for name, trace in expected.signals.items():
        assert np.array_equal(found.signals[name], trace)
    for name, value in expected.state.items():
        assert np.array_equal(found.state[name], value)


def test_only_the_signals_that_are_asked_for(program: Program) -> None:
    need("gcc")
    spikes = inputs_for(program, 6)
    found = NativeExecutor(program).run(spikes, signals=["readout"])
    assert list(found.signals) == ["readout"]
    assert np.array_equal(found.signals["readout"], Emulator(program).run(spikes).signals["readout"])


def test_the_given_state_is_not_changed(program: Program) -> None:
    need("gcc")
    state = initial_state(program, 5)
    before = {name: values.copy() for name, values in state.items()}
    NativeExecutor(program).run(inputs_for(program, 7), state)
    assert all(np.array_equal(state[name], before[name]) for name in before)


@pytest.mark.parametrize("width", [5, 64, 2100])
def test_driven_neurons_are_those_of_the_program(width: int) -> None:
    """Given the drives that a run of the emulator formed, the neurons alone do what they did in it."""
    need("gcc")
    program = lowered(network((6, width, 3), tau_synapse=None), "generic-16bit")
    run = Emulator(program).run(inputs_for(program, 8, 40, 1))
    found = NativeExecutor(program, 2).drive(run.signals["layer0.drive"][:, 0])
    assert found.counts.sum() > 0
    assert np.array_equal(found.counts, run.signals["layer0.spikes"][:, 0].sum(axis=0))
    assert np.array_equal(found.membrane, run.state["layer0.membrane"][0])
    assert np.array_equal(found.refractory, run.state["layer0.refractory"][0])


def test_drives_of_the_type_of_the_format_need_no_look(program: Program) -> None:
    need("gcc")
    drive = np.random.default_rng(0).integers(-32768, 32768, (40, 5))
    wide, narrow = (NativeExecutor(program).drive(drive.astype(dtype)) for dtype in (np.int64, np.int16))
    assert wide.counts.sum() > 0
    assert np.array_equal(wide.counts, narrow.counts)
    assert np.array_equal(wide.membrane, narrow.membrane)


@pytest.mark.parametrize(("value", "entry"), [((1 << 15) - 1, "int32_t"), (1 << 15, "int64_t")])
def test_two_table_values_share_an_entry(program: Program, value: int, entry: str) -> None:
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    growth = replace(layer.neuron.growth, values=frozen(np.full_like(layer.neuron.growth.values, value)))
    neuron = replace(layer.neuron, growth=replace(growth, format=Format(False, 16, growth.format.frac)))
    native = native_layers(with_first(program, replace(layer, neuron=neuron)))[0]
    assert native.macros["ENTRY"] == entry
    half = 8 * native.arrays["table"].itemsize // 2
    assert (native.arrays["table"] >> half == value).all()


def test_the_text_does_not_depend_on_the_weights(program: Program) -> None:
    layer = program.layers[0]
    assert isinstance(layer, SpikingLayer)
    dense = replace(layer.dense, weight=frozen(layer.dense.weight[::-1]))
    other = with_first(program, replace(layer, dense=dense))
    assert native_source(other, native_layers(other)) == native_source(program, native_layers(program))


def test_errors_are_sentences(program: Program) -> None:
    need("gcc")
    with pytest.raises(ParameterError, match=r"^`threads` must be at least 1, not 0$"):
        NativeExecutor(program, 0)
    executor = NativeExecutor(program)
    with pytest.raises(DataError, match=r"^`spikes` must have 6 inputs, not 5$"):
        executor.run(np.zeros((2, 2, 5), np.uint8))
    with pytest.raises(DataError, match=r"^`bogus` is not a signal of this program: layer0.accumulator, "):
        executor.run(inputs_for(program, 0), signals=["bogus"])
    with pytest.raises(DataError, match=r"^`drives` must be \[steps, 5\], not \[2, 4\]$"):
        executor.drive(np.zeros((2, 4), np.int64))
    with pytest.raises(DataError, match=r"^`drives` must lie in -32768..32767, not in 0..40000$"):
        executor.drive(np.full((2, 5), 40_000) * np.array([0, 1, 1, 1, 1]))
