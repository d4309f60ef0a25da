"""The two ends of the hybrid network: no cause is the float network, every cause is the emulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import INPUT, Description, FeedDescription, ReadoutDescription
from expifref.network.simulate import simulate
from quantize.fidelity import compare
from quantize.fidelity.causes import ALL_CAUSES, Cause
from quantize.fidelity.codes import overflowed, rounded
from quantize.fidelity.hybrid import Hybrid
from quantize.fidelity.signals import float_traces, hybrid_traces
from quantize.fidelity.twin import channel_scale
from quantize.graph.layers import UnitLayer, full_name
from quantize.graph.operations import RoundShift
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Overflow, Rounding, overflow, round_shift
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.amount import some
from tests.edits import changed, dropped
from tests.networks import lowered, network, own_profile, spike_input
from tests.programs import random_input, random_program

from .edits import constant, edited

SIZES = (10, 12, 9, 4)
NETWORKS: dict[str, dict[str, Any]] = {
    "synapse": {},
    "direct": {"tau_synapse": None},
    "current": {"tau_synapse": None, "encoder": "current"},
    "spiking output": {"readout": False},
    "readout without memory": {"tau_readout": None},
    "three tau": {"tau": np.repeat([8e-3, 10e-3, 20e-3], 4)},
    "no refractory period": {"tau_ref": 0.0},
    "high cutoff": {"v_th": 20e-3},
}
PROFILES = ("generic-8bit", "generic-16bit", "spinnaker1", "ecp5-25f")


def make(name: str) -> Description:
    """A network of two or three layers."""
    options = NETWORKS[name]
    return network((10, 12, 4) if name == "three tau" else SIZES, seed=3, **options)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_two_ends(name: str, profile: str) -> None:
    """Without causes it is the float network, with all causes the emulator."""
    description = make(name)
    program = lowered(description, profile)
    check_equal(description, program, seed=1)
    spikes = spike_input(description, steps=25, batch=20, seed=1)
    steps = Hybrid(description, program, frozenset()).simulate(spikes)
    found = hybrid_traces(description, program, steps)
    for ours, theirs in zip(found, float_traces(description, spikes), strict=True):
        np.testing.assert_array_equal(ours.spikes, theirs.spikes)
        assert ours.value is not None
        assert theirs.value is not None
        assert np.abs(ours.value - theirs.value).max() < 1e-8
    fired = [step[0].spikes for step in simulate(description, spikes)]
    assert np.sum(fired) > 20


@pytest.mark.parametrize("mode", [mode.value for mode in Rounding])
def test_with_all_causes_every_rounding_mode_is_the_emulators(mode: str, tmp_path: Path) -> None:
    description = make("synapse")
    modes = dict.fromkeys(("rescale", "filter", "table", "membrane"), mode)
    check_equal(description, lowered(description, own_profile(tmp_path, rounding=modes)), seed=2)


def test_with_all_causes_random_programs_are_the_emulators() -> None:
    for seed in some(range(60), 4):
        program = random_program(seed)
        check_equal(stand_in(program), program, seed)


def stand_in(program: Program) -> Description:
    """A float network of the program's layers; with all causes on none of its numbers is used."""
    graph = program.graph
    widths = [graph.input.channels, *(layer.units for layer in graph.layers)]
    readout = "spikes" not in graph.layers[-1].signals
    if len(widths) == 2 and readout:
        layer = ReadoutDescription(
            "readout", (FeedDescription(INPUT, np.ones(widths)),), np.zeros(widths[1]), None
        )
        return replace(network((widths[0], 2, 2)), layers=(layer,))
    description = network(widths, readout=readout)
    return replace(description, encoder="current")


def check_equal(description: Description, program: Program, seed: int) -> None:
    """Every signal of the hybrid network, at every step, against the emulator."""
    spikes = random_input(program, steps=15, batch=12, seed=seed)
    signals = Emulator(program).run(spikes).signals
    steps = list(Hybrid(description, program, ALL_CAUSES).simulate(spikes))
    for index, layer in enumerate(program.graph.layers):
        for name in layer.signals:
            values = np.stack([step[index].results[name] for step in steps])
            np.testing.assert_array_equal(values, signals[full_name(layer.name, name)], name)


def test_each_cause_changes_something() -> None:
    description = make("synapse")
    program = lowered(description, "generic-8bit")
    spikes = spike_input(description, steps=30, batch=4)

    def drives(on: frozenset[Cause]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        steps = Hybrid(description, program, on).simulate(spikes)
        return np.stack([step[0].results["membrane"] for step in steps])

    none = drives(frozenset())
    changed = {cause for cause in Cause if np.abs(drives(frozenset({cause})) - none).max() > 1e-6}
    # The refractory period is the same on both sides, and nothing saturates in so few samples but the tables.
    assert changed == ALL_CAUSES - {Cause.REFRACTORY}


def test_rounding_of_whole_values_is_that_of_the_specification() -> None:
    values = np.arange(-200, 201)
    for mode in Rounding:
        for shift in (1, 2, 3):
            found = rounded(values / 2.0**shift, mode)
            np.testing.assert_array_equal(found, round_shift(values, shift, mode), mode)


@pytest.mark.parametrize("mode", Overflow)
@pytest.mark.parametrize("fmt", [Format(True, 5, 2), Format(False, 4, 0)])
def test_overflow_of_whole_values_is_that_of_the_specification(mode: Overflow, fmt: Format) -> None:
    values = np.arange(-200, 201)
    found = overflowed(values.astype(np.float64), fmt, mode)
    np.testing.assert_array_equal(found, overflow(values, fmt, mode))


def test_a_multiplier_that_rounding_the_weights_explains_is_the_scale() -> None:
    weight = np.array([[1.0], [-2.4], [6.0]])
    codes = np.array([[1], [-3], [7]])
    assert channel_scale(weight, codes, np.array([0.85])).tolist() == [0.85]


def test_a_wrong_multiplier_is_not() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 1, (200, 3))
    scale = np.abs(weight).max(axis=0) / 127
    codes = np.rint(weight / scale).astype(np.int64)
    found = channel_scale(weight, codes, scale * 1.05)
    assert found == pytest.approx(scale, rel=0.005)


def test_codes_that_no_scale_explains_have_the_scale_of_least_squares() -> None:
    weight = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    codes = np.array([[1, 0], [5, 0], [0, 0]])
    assert channel_scale(weight, codes, np.array([0.3, 0.0])).tolist() == [6 / 26, 0.0]


def test_integers_beyond_float64_are_refused() -> None:
    description = make("direct")
    program = lowered(description)
    # The same results with the multiplier at a larger scale.
    by = 32

    def larger(layer: UnitLayer) -> UnitLayer:
        for name in ("multiplier", "bias"):
            layer = constant(name, lambda values, _: values << by)(layer)
        return changed(layer, "scaled", shift=dropped(layer, "scaled") + by)

    wide = edited(program, larger, 0)
    found = proof_of(wide.graph).intermediate_bits
    assert found > 54
    message = (
        rf"^causes can be told apart where integers have at most 54 bits, not {found}: "
        r"lower the network for a profile with narrower products$"
    )
    with pytest.raises(UnsupportedError, match=message):
        Hybrid(description, wide, ALL_CAUSES)
    first = compare(description, wide, [(spike_input(description), None)]).first
    assert first is not None
    assert first.attribution is None


def test_layers_that_the_lowering_does_not_write_are_refused() -> None:
    description = make("direct")
    program = lowered(description, "generic-8bit")

    def other(layer: UnitLayer) -> UnitLayer:
        extra = RoundShift("halved", (layer.output,), 1, Rounding.TRN)
        return replace(layer, body=(*layer.body, extra))

    strange = edited(program, other, 1)
    message = (
        r"^causes can be told apart where layers are as the lowering writes them, "
        r"but `layer1\.halved` is not: compare without the error budget$"
    )
    with pytest.raises(UnsupportedError, match=message):
        Hybrid(description, strange, ALL_CAUSES)
    spikes = [(spike_input(description), None)]
    first, plain = compare(description, strange, spikes).first, compare(description, program, spikes).first
    assert first is not None
    assert plain is not None
    assert first == replace(plain, attribution=None)


def test_other_ways_between_the_layers_are_refused() -> None:
    description = make("direct")

    def late(layer: UnitLayer) -> UnitLayer:
        return replace(layer, feeds=tuple(replace(feed, delay=frozen([1])) for feed in layer.feeds))

    message = r"^the program must feed each layer from where, and as late as, the model does$"
    with pytest.raises(ParameterError, match=message):
        Hybrid(description, edited(lowered(description), late, 1), ALL_CAUSES)


def test_another_kind_of_last_layer_is_refused() -> None:
    description, spiking = network((6, 5, 3)), network((6, 5, 3), readout=False)
    message = r"^layer 1 must spike in the model and the program, or in neither$"
    with pytest.raises(ParameterError, match=message):
        Hybrid(description, lowered(spiking), ALL_CAUSES)
