"""Programs of version 1 that break a rule of it are refused before they are read as graphs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from expifref.encoders import MAX_STEPS
from expifref.exceptions import ParameterError
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format
from quantize.program.version1.program import Program1, SpikingLayer
from quantize.program.version1.structure import check_structure
from quantize.program.version1.translation import translated
from tests.programs import random_program_1

PROGRAM = next(
    p
    for p in (random_program_1(s, layers=2, readout=True, widths=[3, 4, 2], input_bits=1) for s in range(99))
    if isinstance(p.layers[0], SpikingLayer)
    and p.layers[0].synapse is not None
    and len(p.layers[0].neuron.gain) == 2
)


def first() -> Any:
    return PROGRAM.layers[0]


def changed(**changes: Any) -> Program1:
    return replace(PROGRAM, layers=(replace(first(), **changes), PROGRAM.layers[1]))


def dense(**changes: Any) -> Program1:
    return changed(dense=replace(first().dense, **changes))


def rescale(**changes: Any) -> Program1:
    return changed(rescale=replace(first().rescale, **changes))


def neuron(**changes: Any) -> Program1:
    return changed(neuron=replace(first().neuron, **changes))


def synapse_filter(**changes: Any) -> Program1:
    synapse = first().synapse
    return changed(synapse=replace(synapse, filter=replace(synapse.filter, **changes)))


def domain(**changes: int) -> Program1:
    return neuron(domain=replace(first().neuron.domain, **changes))


def gain(index: int, **changes: Any) -> Program1:
    tables = list(first().neuron.gain)
    tables[index] = replace(tables[index], **changes)
    return neuron(gain=tuple(tables))


FRAC = first().neuron.membrane.format.frac
GAIN = first().neuron.gain[0]
SHIFT = first().synapse.filter.shift
SEGMENTS = first().neuron.domain.segments

CASES: dict[str, tuple[Callable[[], Program1], str]] = {
    "no layers": (
        lambda: replace(PROGRAM, layers=()),
        "a program must have at least one layer, and this one has none",
    ),
    "early readout": (
        lambda: replace(PROGRAM, layers=(PROGRAM.layers[1], PROGRAM.layers[1])),
        "a readout must be the last layer, but layer 0 of 2 is one",
    ),
    "no input bits": (
        lambda: replace(PROGRAM, input=replace(PROGRAM.input, bits=0)),
        "`input.bits` must lie in 1..8, not be 0",
    ),
    "wide inputs": (
        lambda: replace(PROGRAM, input=replace(PROGRAM.input, bits=9)),
        "`input.bits` must lie in 1..8, not be 9",
    ),
    "no steps": (
        lambda: replace(PROGRAM, input=replace(PROGRAM.input, steps=0)),
        f"`input.steps` must lie in 1..{MAX_STEPS}, not be 0",
    ),
    "no time": (
        lambda: replace(PROGRAM, dt_seconds=-1e-3),
        "`dt_seconds` must be above 0 and finite, not -0.001",
    ),
    "other fan-in": (
        lambda: replace(PROGRAM, input=replace(PROGRAM.input, channels=5)),
        "`layer0.weight` must have the shape [5, neurons], not [3, 4]",
    ),
    "flat weights": (
        lambda: dense(weight=frozen([1, 2, 3])),
        "`layer0.weight` must have the shape [3, neurons], not [3]",
    ),
    "no neurons": (
        lambda: dense(weight=frozen([[], [], []])),
        "`layer0.weight` must have the shape [3, neurons], not [3, 0]",
    ),
    "wide weight": (
        lambda: dense(weight=frozen([[0, 0, 0, 128]] * 3), weight_format=Format(True, 8, 0)),
        "`layer0.weight` must lie in -128..127, not in 0..128",
    ),
    "few multipliers": (
        lambda: rescale(multiplier=frozen([1, 1])),
        "`layer0.multiplier` must have the shape [4], not [2]",
    ),
    "negative multiplier": (
        lambda: rescale(multiplier=frozen([1, 1, -1, 1])),
        f"`layer0.multiplier` must lie in 0..{2**62 - 1}, not in -1..1",
    ),
    "few biases": (lambda: rescale(bias=frozen([0])), "`layer0.bias` must have the shape [4], not [1]"),
    "negative shift": (lambda: rescale(shift=-1), "`layer0.rescale.shift` must lie in 0..62, not be -1"),
    "wide shift": (lambda: rescale(shift=63), "`layer0.rescale.shift` must lie in 0..62, not be 63"),
    "decay above one": (
        lambda: synapse_filter(decay=frozen([0, 0, 0, 2**SHIFT + 1])),
        f"`layer0.filter.decay` must lie in 0..{2**SHIFT}, not in 0..{2**SHIFT + 1}",
    ),
    "no gain": (lambda: neuron(gain=()), "`layer0.gain` must hold at least one table, and holds none"),
    "gain index": (
        lambda: neuron(gain_index=frozen([0, 1, 2, 0])),
        "`layer0.gain_index` must lie in 0..1, not in 0..2",
    ),
    "gain scales": (
        lambda: gain(1, format=replace(GAIN.format, frac=GAIN.format.frac + 1)),
        f"`layer0.gain` must have {GAIN.format.frac} fraction bits, not {GAIN.format.frac + 1}",
    ),
    "negative gain": (
        lambda: gain(0, values=frozen([-1] * (SEGMENTS + 1))),
        f"`layer0.gain` must lie in 0..{GAIN.format.hi}, not in -1..-1",
    ),
    "short table": (
        lambda: gain(0, values=frozen([0] * SEGMENTS)),
        f"`layer0.gain` must have the shape [{SEGMENTS + 1}], not [{SEGMENTS}]",
    ),
    "no segments": (
        lambda: domain(segments=0),
        f"`layer0.domain.segments` must lie in 1..{(2**62 - 1) >> first().neuron.domain.shift}, not be 0",
    ),
    "domain shift": (lambda: domain(shift=-1), "`layer0.domain.shift` must lie in 0..62, not be -1"),
    "fine sum": (
        lambda: neuron(sum=replace(first().neuron.sum, format=Format(True, 20, FRAC + 1))),
        f"`layer0.sum` must have {FRAC} fraction bits, not {FRAC + 1}",
    ),
    "fine growth": (
        lambda: neuron(growth=replace(first().neuron.growth, format=Format(True, 20, FRAC + 1))),
        f"`layer0.growth` must have {FRAC - 62}..{FRAC} fraction bits, not {FRAC + 1}",
    ),
    "coarse drive": (
        lambda: changed(
            synapse=replace(
                first().synapse, drive=replace(first().synapse.drive, format=Format(True, 12, FRAC - 1))
            )
        ),
        f"`layer0.drive` must have {FRAC} fraction bits, not {FRAC - 1}",
    ),
    "negative period": (
        lambda: neuron(refractory_steps=frozen([0, 0, 0, -1])),
        f"`layer0.refractory_steps` must lie in 0..{2**62 - 1}, not in -1..0",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_program_without_meaning_is_refused(case: str) -> None:
    build, message = CASES[case]
    with pytest.raises(ParameterError) as caught:
        translated(build())
    assert str(caught.value) == message


def test_random_programs_are_well_formed() -> None:
    for seed in range(50):
        check_structure(random_program_1(seed))
