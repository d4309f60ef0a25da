"""What a few samples do in a program and its float network, step by step, for people to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import Description
from quantize.graph.layers import UnitLayer, full_name
from quantize.graph.operations import Overflowed
from quantize.numbers.arrays import Integers
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Spikes

from .codes import Floats
from .hybrid import Hybrid, tells_causes_apart
from .signals import LayerPair, LayerTrace, float_traces, integer_traces, layer_pairs

__all__ = ["Course", "Pair", "courses"]

_DRIVE = "drive"


@dataclass(frozen=True)
class Pair:
    """One quantity on both sides, each `[steps, samples, units]`."""

    real: NDArray[np.bool_] | Floats
    integer: NDArray[np.bool_] | Floats


@dataclass(frozen=True)
class Course:
    """What one layer does."""

    layer: str
    spikes: Pair | None  # None for a readout
    value: Pair  # membrane in mV, or the readout's value
    drive: Pair | None  # mV; None for a readout, and where causes cannot be told apart


def courses(description: Description, program: Program, spikes: Spikes) -> tuple[Course, ...]:
    """Both networks on `spikes`, `[steps, samples, inputs]`.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
    """
    pairs = layer_pairs(description, program)
    signals = Emulator(program).run(spikes).signals
    both = zip(float_traces(description, spikes), integer_traces(description, program, signals), strict=True)
    drives = _float_drives(description, program, spikes) if tells_causes_apart(program) else {}
    return tuple(
        _course(pair, *traces, drives.get(pair.layer.name), signals)
        for pair, traces in zip(pairs, both, strict=True)
    )


def _course(
    pair: LayerPair,
    real: LayerTrace,
    integer: LayerTrace,
    drive: Floats | None,
    signals: dict[str, Integers],
) -> Course:
    spikes = None if real.spikes is None or integer.spikes is None else Pair(real.spikes, integer.spikes)
    if real.value is None or integer.value is None:
        raise AssertionError("the emulator and the float network tell all values")
    value = Pair(real.value, integer.value)
    if drive is None:
        return Course(pair.layer.name, spikes, value, None)
    codes = signals[full_name(pair.layer.name, _DRIVE)]
    size = pair.reading.size * 2.0 ** -_frac(pair.layer) * pair.reading.unit
    return Course(pair.layer.name, spikes, value, Pair(drive * size, codes * size))


def _frac(layer: UnitLayer) -> int:
    """Fraction bits of the drive."""
    operation = layer.results[layer.signals[_DRIVE]]
    if not isinstance(operation, Overflowed):
        raise AssertionError("a drive is brought into a format where causes can be told apart")
    return operation.format.frac


def _float_drives(description: Description, program: Program, spikes: Spikes) -> dict[str, Floats]:
    """The drive of every layer that has one, in codes, as it is without any cause."""
    steps = list(Hybrid(description, program, frozenset()).simulate(spikes))

    def found() -> Iterator[tuple[str, Floats]]:
        for index, layer in enumerate(program.graph.layers):
            if _DRIVE in layer.signals:
                yield layer.name, np.stack([step[index].results[_DRIVE] for step in steps])

    return dict(found())
