"""Random integer programs, inputs and states for differential tests (docs/spec.md).

`random_program` draws the corners on purpose: every rounding and overflow mode, unsigned and signed sites,
negative fraction bits, extreme weights, tables that jump, wide accumulators and filters, refractory periods
from none to long. The numbers mean nothing; only their widths are chosen with care, so that no intermediate
value reaches 2**62.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.program import Evidence, Program
from quantize.program.version1.program import (
    Dense,
    Filter,
    InputPort,
    Layer,
    NeuronUpdate,
    Program1,
    ReadoutLayer,
    Rescale,
    SpikingLayer,
    Synapse,
    Table,
    TableDomain,
)
from quantize.program.version1.translation import translated
from quantize.run.states import state_range

__all__ = ["random_input", "random_program", "random_program_1", "random_state", "state_formats"]

T = TypeVar("T")

_REFRACTORY_STEPS = (0, 0, 1, 2, 3, 5, 300)


def random_program(seed: int, **wanted: Any) -> Program:
    """What `random_program_1` draws, as a graph."""
    return translated(random_program_1(seed, **wanted))


def random_program_1(
    seed: int,
    *,
    layers: int | None = None,
    readout: bool | None = None,
    input_bits: int | None = None,
    weight_bits: int | None = None,
    widths: Sequence[int] | None = None,
) -> Program1:
    """A program of version 1 with 1 to 3 small layers, whose states may wrap.

    Args:
        seed: everything that is not given below is drawn from it.
        layers: number of layers.
        readout: whether the last layer is a readout.
        input_bits: width of the input port.
        weight_bits: width of all weights; drawn from 3..16 (rarely 28) per layer when None.
        widths: sizes of the input and of every layer.
    """
    rng = np.random.default_rng(seed)
    count = layers if layers is not None else int(rng.integers(1, 4))
    sizes = list(widths) if widths is not None else [int(n) for n in rng.integers(1, 10, count + 1)]
    bits = input_bits if input_bits is not None else _pick(rng, (1, 1, 1, 2, 4, 8))
    ends_in_readout = readout if readout is not None else bool(rng.integers(2))
    built: list[Layer] = []
    for index in range(count):
        hi = (1 << bits) - 1 if index == 0 else 1
        dense = _dense(rng, sizes[index], sizes[index + 1], hi, weight_bits)
        is_readout = ends_in_readout and index == count - 1
        built.append(_readout(rng, dense) if is_readout else _spiking(rng, f"layer{index}", dense))
    return _program(sizes[0], bits, tuple(built))


def random_input(program: Program, steps: int, batch: int, seed: int) -> NDArray[np.uint8]:
    """Input values `[steps, batch, channels]` over the whole range of the port."""
    rng = np.random.default_rng(seed)
    shape = (steps, batch, program.graph.input.channels)
    values = rng.integers(0, program.graph.input.format.hi + 1, shape)
    return np.where(rng.random(shape) < 0.2, program.graph.input.format.hi, values).astype(np.uint8)


def random_state(program: Program, batch: int, seed: int) -> dict[str, Integers]:
    """Any state inside the formats, `[batch, neurons]` each; not only those reached from the start."""
    rng = np.random.default_rng(seed)
    state = {}
    for name, (lo, hi) in state_formats(program).items():
        values = rng.integers(lo, hi, (batch, lo.size), endpoint=True)
        edges = np.where(rng.random(values.shape) < 0.5, lo, hi)
        state[name] = np.where(rng.random(values.shape) < 0.3, edges, values).astype(np.int64)
    return state


def state_formats(program: Program) -> dict[str, tuple[Integers, Integers]]:
    """Lowest and highest value of every state, each `[neurons]`."""
    bounds: dict[str, tuple[Integers, Integers]] = {}
    for name, units in program.graph.state_units.items():
        lo, hi = state_range(program.graph, name)
        bounds[name] = (np.full(units, lo), np.full(units, hi))
    return bounds


def _program(channels: int, bits: int, layers: tuple[Layer, ...]) -> Program1:
    port = InputPort(channels=channels, bits=bits, encoder="rate" if bits == 1 else "current")
    evidence = Evidence(tool_version="0", model_sha256="0" * 64, profile={})
    return Program1(dt_seconds=1e-3, input=port, layers=layers, evidence=evidence)


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _below(rng: np.random.Generator, lo: int, hi: int) -> int:
    return int(rng.integers(lo, hi, endpoint=True))


def _format(rng: np.random.Generator, bits: int, frac: int, unsigned: float = 0.15) -> Format:
    return Format(signed=rng.random() >= unsigned, bits=bits, frac=frac)


def _site(rng: np.random.Generator, fmt: Format) -> Quantizer:
    return Quantizer(fmt, _pick(rng, tuple(Rounding)), _pick(rng, tuple(Overflow)))


def _dense(rng: np.random.Generator, inputs: int, neurons: int, hi: int, weight_bits: int | None) -> Dense:
    bits = weight_bits if weight_bits is not None else _pick(rng, (3, 4, 6, 8, 8, 8, 9, 12, 16, 28))
    fmt = Format(signed=True, bits=bits, frac=_below(rng, -3, bits + 2))
    weight = rng.integers(fmt.lo, fmt.hi, (inputs, neurons), endpoint=True)
    extreme = np.where(rng.random(weight.shape) < 0.5, fmt.lo, fmt.hi)
    weight = np.where(rng.random(weight.shape) < 0.2, extreme, weight)
    largest = hi * int(np.abs(weight).sum(axis=0).max())
    accumulator = Format(signed=True, bits=largest.bit_length() + 1 + _below(rng, 0, 2), frac=fmt.frac)
    return Dense(weight=frozen(weight), weight_format=fmt, accumulator=accumulator)


def _rescale(rng: np.random.Generator, dense: Dense, fmt: Format) -> Rescale:
    """A shift that leaves about one bit more than the site has, so that it is reached and often passed."""
    neurons = dense.weight.shape[1]
    multiplier_bits = _below(rng, 1, 12)
    multiplier = rng.integers(0, 1 << multiplier_bits, neurons)
    if rng.random() < 0.3:
        multiplier = 1 << rng.integers(0, multiplier_bits, neurons)
    product_bits = dense.accumulator.bits + multiplier_bits
    bias = rng.integers(-1 << (product_bits - 2), 1 << (product_bits - 2), neurons)
    shift = max(product_bits - fmt.bits - _below(rng, -1, 2), 0)
    return Rescale(multiplier=frozen(multiplier), bias=frozen(bias), shift=shift, site=_site(rng, fmt))


def _filter(rng: np.random.Generator, neurons: int, fmt: Format) -> Filter:
    shift = _below(rng, 0, 14)
    decay = rng.integers(0, 1 << shift, neurons, endpoint=True)
    decay = np.where(rng.random(neurons) < 0.2, 1 << shift, decay)
    return Filter(decay=frozen(decay), shift=shift, site=_site(rng, fmt))


def _readout(rng: np.random.Generator, dense: Dense) -> ReadoutLayer:
    frac = _below(rng, -3, 12)
    q = _format(rng, _below(rng, 3, 16), frac)
    fmt = _format(rng, min(q.bits + _below(rng, 0, 6) + 20 * (rng.random() < 0.15), 40), frac, unsigned=0.05)
    part = _filter(rng, dense.weight.shape[1], fmt)
    return ReadoutLayer(name="readout", dense=dense, rescale=_rescale(rng, dense, q), filter=part)


def _spiking(rng: np.random.Generator, name: str, dense: Dense) -> SpikingLayer:
    neurons = dense.weight.shape[1]
    membrane = _format(rng, _below(rng, 3, 16), _below(rng, -3, 12), unsigned=0.1)
    drive = _format(rng, max(membrane.bits - _below(rng, 0, 2), 3), membrane.frac)
    if rng.random() < 0.5:
        rescale, synapse = _rescale(rng, dense, drive), None
    else:
        q = _format(rng, _below(rng, 3, 16), membrane.frac + _below(rng, -3, 4))
        rescale, synapse = _rescale(rng, dense, q), _synapse(rng, neurons, q, drive)
    neuron = _neuron(rng, neurons, membrane)
    return SpikingLayer(name=name, dense=dense, rescale=rescale, synapse=synapse, neuron=neuron)


def _synapse(rng: np.random.Generator, neurons: int, q: Format, drive: Format) -> Synapse:
    wide = 20 if rng.random() < 0.1 else 0
    fmt = _format(rng, q.bits + _below(rng, 0, 4) + wide, q.frac, unsigned=0.05)
    offset = rng.integers(-1 << (fmt.bits - 1), 1 << (fmt.bits - 1), neurons)
    return Synapse(_filter(rng, neurons, fmt), frozen(offset), _site(rng, drive))


def _table(rng: np.random.Generator, domain: TableDomain, fmt: Format, function: str) -> Table:
    values = np.sort(rng.integers(0, fmt.hi, domain.segments + 1, endpoint=True))
    if rng.random() < 0.4:
        rng.shuffle(values)
    values[rng.random(values.size) < 0.1] = fmt.hi
    return Table(
        values=frozen(values),
        format=fmt,
        rounding=_pick(rng, tuple(Rounding)),
        function=function,
        max_error_lsb=0.0,
        sha256=hashlib.sha256(values.astype("<i8").tobytes()).hexdigest(),
    )


def _neuron(rng: np.random.Generator, neurons: int, membrane: Format) -> NeuronUpdate:
    threshold = rng.integers(
        membrane.lo + 1 + (membrane.hi - membrane.lo) // 2, membrane.hi, neurons, endpoint=True
    )
    reset = rng.integers(membrane.lo, threshold)
    shift = _below(rng, 0, max(membrane.bits - 3, 0))
    segments = _below(rng, 1, max(1, min(40, (1 << membrane.bits) >> shift)))
    domain = TableDomain(start=_below(rng, membrane.lo, membrane.hi), shift=shift, segments=segments)
    drop = _below(rng, 0, 3)
    growth_format = Format(signed=False, bits=max(membrane.bits - drop, 2), frac=membrane.frac - drop)
    gain_frac = _below(rng, -2, 15)
    gain_format = Format(signed=False, bits=max(gain_frac + _below(rng, -1, 1), 2), frac=gain_frac)
    gain = tuple(_table(rng, domain, gain_format, f"gain {i}") for i in range(_below(rng, 1, 3)))
    return NeuronUpdate(
        membrane=_site(rng, membrane),
        threshold=frozen(threshold),
        reset=frozen(reset),
        initial=frozen(rng.integers(membrane.lo, threshold, endpoint=True)),
        refractory_steps=frozen([_pick(rng, _REFRACTORY_STEPS) for _ in range(neurons)]),
        domain=domain,
        growth=_table(rng, domain, growth_format, "growth"),
        gain=gain,
        gain_index=frozen(rng.integers(0, len(gain), neurons)),
        sum=_site(rng, _format(rng, membrane.bits + _below(rng, -1, 2), membrane.frac)),
    )
