"""Section 5 of docs/spec.md once more: one neuron at a time, in Python's unbounded ints.

Slow and independent of `quantize.emulator`: rounding is by its meaning (a fraction and its neighbours), not
by shifts, so that an error in either reading shows as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from quantize.arrays import Integers
from quantize.formats import Format, Overflow, Quantizer, Rounding
from quantize.program import (
    Filter,
    NeuronUpdate,
    Program,
    ReadoutLayer,
    SpikingLayer,
    Table,
    TableDomain,
    layer_prefix,
)
from quantize.trace import Execution

__all__ = ["bring_inside", "divide", "run"]

Row = dict[str, list[int]]


def divide(x: int, k: int, mode: Rounding) -> int:
    """`x / 2**k` as an integer, by the meaning of `mode` (spec 2)."""
    exact = Fraction(x) / Fraction(2) ** k
    below, above = math.floor(exact), math.ceil(exact)
    if mode is Rounding.TRN:
        return below
    if mode is Rounding.TRN_ZERO:
        return math.trunc(exact)
    if exact - below != above - exact or below == above:
        return below if exact - below < above - exact else above
    nearer_zero, farther = sorted((below, above), key=abs)
    even = below if below % 2 == 0 else above
    return {
        Rounding.RND: above,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: nearer_zero,
        Rounding.RND_INF: farther,
        Rounding.RND_CONV: even,
    }[mode]


def bring_inside(x: int, fmt: Format, mode: Overflow) -> int:
    """Spec 3."""
    if mode is Overflow.SAT:
        return fmt.lo if x < fmt.lo else fmt.hi if x > fmt.hi else x
    while x > fmt.hi:
        x -= 2**fmt.bits * max(1, (x - fmt.hi) // 2**fmt.bits)
    while x < fmt.lo:
        x += 2**fmt.bits * max(1, (fmt.lo - x) // 2**fmt.bits)
    return x


def run(
    program: Program, spikes: NDArray[np.uint8], state: Mapping[str, Integers] | None = None
) -> Execution:
    """All signals of all steps of `spikes` `[steps, batch, inputs]`, and the last state."""
    steps, batch, _ = spikes.shape
    now = [_initial(program) for _ in range(batch)]
    for name, values in (state or {}).items():
        for sample in range(batch):
            now[sample][name] = values[sample].tolist()
    rows: dict[str, list[list[list[int]]]] = {name: [] for name in program.signal_names}
    for n in range(steps):
        results = [_step(program, spikes[n, sample].tolist(), now[sample]) for sample in range(batch)]
        now = [{name: result[name] for name in program.state_names} for result in results]
        for name, trace in rows.items():
            trace.append([result[name] for result in results])
    return Execution(
        {name: np.array(trace, np.int64) for name, trace in rows.items()},
        {name: np.array([sample[name] for sample in now], np.int64) for name in program.state_names},
    )


def _initial(program: Program) -> Row:
    row: Row = {}
    for index, layer in enumerate(program.layers):
        prefix, zeros = layer_prefix(index, layer), [0] * layer.width
        if isinstance(layer, ReadoutLayer):
            row[prefix] = zeros
            continue
        row |= {f"{prefix}.membrane": layer.neuron.initial.tolist(), f"{prefix}.refractory": zeros}
        if layer.synapse is not None:
            row[f"{prefix}.filter"] = zeros
    return row


def _step(program: Program, inputs: list[int], state: Row) -> Row:
    row: Row = {name: [] for name in program.signal_names}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        for j in range(layer.width):
            weights = layer.dense.weight[:, j].tolist()
            accumulator = sum(w * s for w, s in zip(weights, inputs, strict=True))
            row[f"{prefix}.accumulator"].append(accumulator)
            rescaled = accumulator * int(layer.rescale.multiplier[j]) + int(layer.rescale.bias[j])
            q = _requantize(rescaled, layer.rescale.shift, layer.rescale.site)
            if isinstance(layer, ReadoutLayer):
                row[prefix].append(_filter(layer.filter, j, state[prefix][j], q))
            else:
                _spiking(prefix, layer, j, q, state, row)
        if not isinstance(layer, ReadoutLayer):
            inputs = row[f"{prefix}.spikes"]
    return row


def _spiking(prefix: str, layer: SpikingLayer, j: int, q: int, state: Row, row: Row) -> None:
    drive = q
    if layer.synapse is not None:
        part = layer.synapse
        filtered = _filter(part.filter, j, state[f"{prefix}.filter"][j], q)
        row[f"{prefix}.filter"].append(filtered)
        shift = part.filter.site.format.frac - part.drive.format.frac
        drive = _requantize(filtered + int(part.offset[j]), shift, part.drive)
    row[f"{prefix}.drive"].append(drive)
    u, refractory = state[f"{prefix}.membrane"][j], state[f"{prefix}.refractory"][j]
    u, refractory, spike = _neuron(layer.neuron, j, u, refractory, drive)
    row[f"{prefix}.membrane"].append(u)
    row[f"{prefix}.refractory"].append(refractory)
    row[f"{prefix}.spikes"].append(spike)


def _requantize(x: int, k: int, site: Quantizer) -> int:
    return bring_inside(divide(x, k, site.rounding), site.format, site.overflow)


def _filter(part: Filter, j: int, y: int, q: int) -> int:
    leak = divide(y * int(part.decay[j]), part.shift, part.site.rounding)
    return bring_inside(y - leak + q, part.site.format, part.site.overflow)


def _look_up(table: Table, domain: TableDomain, v: int) -> int:
    size = 2**domain.shift
    c = min(max(v, domain.start), domain.start + domain.segments * size - 1)
    i, r = divmod(c - domain.start, size)
    left, right = int(table.values[i]), int(table.values[i + 1])
    return left + divide((right - left) * r, domain.shift, table.rounding)


def _neuron(n: NeuronUpdate, j: int, u: int, refractory: int, drive: int) -> tuple[int, int, int]:
    threshold = int(n.threshold[j])
    v = int(n.reset[j]) if u >= threshold else u
    growth = _look_up(n.growth, n.domain, v)
    gain_table = n.gain[int(n.gain_index[j])]
    gain = _look_up(gain_table, n.domain, v)
    total = growth * 2 ** (n.membrane.format.frac - n.growth.format.frac) - v + drive
    total = bring_inside(total, n.sum.format, n.sum.overflow)
    candidate = v + divide(gain * total, gain_table.format.frac, n.membrane.rounding)
    candidate = bring_inside(min(candidate, threshold), n.membrane.format, n.membrane.overflow)
    u = v if refractory > 0 else candidate
    spike = int(u >= threshold)
    return u, int(n.refractory_steps[j]) if spike else max(refractory - 1, 0), spike
