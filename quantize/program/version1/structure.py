"""What version 1 requires of a program's fields before it can be read as a graph (docs/version1.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from expifref.encoders import MAX_STEPS
from expifref.exceptions import ParameterError, RangeError
from quantize.numbers.arrays import Integers, extremes
from quantize.numbers.formats import MAX_BITS, Format

from .program import Filter, Layer, NeuronUpdate, Program1, ReadoutLayer, SpikingLayer, Synapse, Table

__all__ = ["check_structure"]

_MAX_INPUT_BITS = 8
"""Inputs travel as uint8."""

_MAX_VALUE = (1 << MAX_BITS) - 1

_MAX_MEMBRANE_BITS = 22
_MOST_TRIED = 1 << 24
"""Membrane codes times gain tables."""


def check_structure(program: Program1) -> None:
    """Raise ParameterError or RangeError naming the first field that breaks a rule of docs/version1.md."""
    if not program.layers:
        raise ParameterError("a program must have at least one layer, and this one has none")
    _number("input.channels", program.input.channels, 1, _MAX_VALUE)
    _number("input.bits", program.input.bits, 1, _MAX_INPUT_BITS)
    _number("input.steps", program.input.steps, 1, MAX_STEPS)
    if not 0 < program.dt_seconds < math.inf:
        raise ParameterError(f"`dt_seconds` must be above 0 and finite, not {program.dt_seconds:g}")
    inputs = program.input.channels
    for index, layer in enumerate(program.layers):
        if isinstance(layer, ReadoutLayer) and index + 1 < len(program.layers):
            raise ParameterError(
                f"a readout must be the last layer, but layer {index} of {len(program.layers)} is one"
            )
        _layer(layer.prefix(index), layer, inputs)
        inputs = layer.width


def _layer(prefix: str, layer: Layer, inputs: int) -> None:
    weight, fmt = layer.dense.weight, layer.dense.weight_format
    if weight.ndim != 2 or weight.shape[0] != inputs or weight.shape[1] < 1:
        raise ParameterError(
            f"`{prefix}.weight` must have the shape [{inputs}, neurons], not {list(weight.shape)}"
        )
    _between(f"{prefix}.weight", extremes(layer.dense.weight), fmt.lo, fmt.hi)
    _vector(f"{prefix}.multiplier", layer.rescale.multiplier, layer.width, 0, _MAX_VALUE)
    _vector(f"{prefix}.bias", layer.rescale.bias, layer.width, -_MAX_VALUE, _MAX_VALUE)
    _number(f"{prefix}.rescale.shift", layer.rescale.shift, 0, MAX_BITS)
    _REST[type(layer)](prefix, layer)


def _readout(prefix: str, layer: ReadoutLayer) -> None:
    _filter(prefix, layer.filter, layer.width)


def _spiking(prefix: str, layer: SpikingLayer) -> None:
    membrane = layer.neuron.membrane.format
    _fraction(f"{prefix}.drive", layer.drive.format, membrane.frac, membrane.frac)
    if layer.synapse is not None:
        _synapse(prefix, layer.synapse, layer.width)
    _neuron(prefix, layer.neuron, layer.width)


_REST: Mapping[type[Any], Callable[[str, Any], None]] = {ReadoutLayer: _readout, SpikingLayer: _spiking}


def _filter(name: str, part: Filter, neurons: int) -> None:
    _number(f"{name}.shift", part.shift, 0, MAX_BITS)
    _vector(f"{name}.decay", part.decay, neurons, 0, 1 << part.shift)


def _synapse(prefix: str, part: Synapse, neurons: int) -> None:
    _filter(f"{prefix}.filter", part.filter, neurons)
    _vector(f"{prefix}.offset", part.offset, neurons, -_MAX_VALUE, _MAX_VALUE)
    drive = part.drive.format.frac
    _fraction(f"{prefix}.filter", part.filter.site.format, drive - MAX_BITS, drive + MAX_BITS)


def _neuron(prefix: str, n: NeuronUpdate, neurons: int) -> None:
    frac = n.membrane.format.frac
    for name in ("threshold", "reset", "initial"):
        _vector(f"{prefix}.{name}", getattr(n, name), neurons, -_MAX_VALUE, _MAX_VALUE)
    _vector(f"{prefix}.refractory_steps", n.refractory_steps, neurons, 0, _MAX_VALUE)
    if not n.gain:
        raise ParameterError(f"`{prefix}.gain` must hold at least one table, and holds none")
    _vector(f"{prefix}.gain_index", n.gain_index, neurons, 0, len(n.gain) - 1)
    _fraction(f"{prefix}.sum", n.sum.format, frac, frac)
    _fraction(f"{prefix}.growth", n.growth.format, frac - MAX_BITS, frac)
    _number(f"{prefix}.domain.shift", n.domain.shift, 0, MAX_BITS)
    _number(f"{prefix}.domain.segments", n.domain.segments, 1, _MAX_VALUE >> n.domain.shift)
    _number(
        f"{prefix}.domain.start", n.domain.start, -_MAX_VALUE, _MAX_VALUE - (n.domain.stop - n.domain.start)
    )
    shared = n.gain[0].format.frac
    for table in n.gain:
        _fraction(f"{prefix}.gain", table.format, shared, shared)
        _fraction(f"{prefix}.gain", table.format, -MAX_BITS, MAX_BITS)
    _tables(prefix, (("growth", n.growth), *(("gain", table) for table in n.gain)), n.domain.segments)
    _constants(prefix, n)


def _constants(prefix: str, n: NeuronUpdate) -> None:
    fmt = n.membrane.format
    if fmt.bits > _MAX_MEMBRANE_BITS:
        raise RangeError(f"`{prefix}.membrane` must have at most {_MAX_MEMBRANE_BITS} bits, not {fmt.bits}")
    most = _MOST_TRIED >> fmt.bits
    if len(n.gain) > most:
        raise RangeError(
            f"`{prefix}.gain` must hold at most {most} tables for a membrane of {fmt.bits} bits, "
            f"not {len(n.gain)}"
        )
    for name in ("threshold", "reset", "initial"):
        lo, hi = extremes(getattr(n, name))
        if lo < fmt.lo or hi > fmt.hi:
            raise RangeError(
                f"`{prefix}.{name}` must lie in {fmt.lo}..{fmt.hi}, the range of {fmt}, not in {lo}..{hi}"
            )
    if (n.reset >= n.threshold).any() or (n.initial > n.threshold).any():
        raise RangeError(f"`{prefix}.reset` must lie below `threshold`, and `initial` must not exceed it")


def _tables(prefix: str, tables: Iterable[tuple[str, Table]], segments: int) -> None:
    for name, table in tables:
        _vector(f"{prefix}.{name}", table.values, segments + 1, 0, table.format.hi)


def _number(name: str, value: int, lo: int, hi: int) -> None:
    if not lo <= value <= hi:
        raise ParameterError(f"`{name}` must lie in {lo}..{hi}, not be {value}")


def _fraction(name: str, fmt: Format, lo: int, hi: int) -> None:
    if not lo <= fmt.frac <= hi:
        rule = f"{lo}" if lo == hi else f"{lo}..{hi}"
        raise ParameterError(f"`{name}` must have {rule} fraction bits, not {fmt.frac}")


def _vector(name: str, values: Integers, size: int, lo: int, hi: int) -> None:
    if values.shape != (size,):
        raise ParameterError(f"`{name}` must have the shape [{size}], not {list(values.shape)}")
    _between(name, extremes(values), lo, hi)


def _between(name: str, found: tuple[int, int], lo: int, hi: int) -> None:
    if found[0] < lo or found[1] > hi:
        raise ParameterError(f"`{name}` must lie in {lo}..{hi}, not in {found[0]}..{found[1]}")
