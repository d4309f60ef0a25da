"""Proof of every width by interval arithmetic in Python ints (docs/spec.md section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from expifref.exceptions import RangeError

from .arrays import Integers
from .emulator import lookup
from .formats import MAX_BITS, Overflow, Quantizer, overflow, round_shift
from .intervals import Interval
from .program import Filter, NeuronUpdate, Program, ReadoutLayer, SpikingLayer, layer_prefix
from .structure import check_structure

__all__ = ["Interval", "Proof", "SiteProof", "prove"]

_MAX_MEMBRANE_BITS = 22

_MOST_TRIED = 1 << 24
"""Membrane codes times gain tables: a second's work."""

_CODES_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class SiteProof:
    """What is known about the value that reaches a site, before it is overflowed."""

    site: str
    interval: Interval
    can_overflow: bool


@dataclass(frozen=True)
class Proof:
    """The widths of a program."""

    sites: tuple[SiteProof, ...]

    @property
    def intermediate_bits(self) -> int:
        """Bits of the widest value any executor has to form."""
        return max(site.interval.bits for site in self.sites)


def prove(program: Program, max_bits: int = MAX_BITS) -> Proof:
    """Prove the widths of `program`: no value needs more than `max_bits` bits, nor more than 62.

    Raises:
        ParameterError: a field breaks a rule of the specification that the proof rests on.
        RangeError: a width is too small, or cannot be proven; with the site.
    """
    check_structure(program)
    limit = min(max_bits, MAX_BITS)
    sites: list[SiteProof] = []
    hi = program.input.hi
    for index, layer in enumerate(program.layers):
        sites += _layer(layer_prefix(index, layer), layer, hi)
        hi = 1
    for site in sites:
        if site.interval.bits > limit:
            raise RangeError(
                f"`{site.site}` must fit {limit} bits, but {site.interval.lo}..{site.interval.hi} needs "
                f"{site.interval.bits}: use fewer weight, multiplier, table or filter bits"
            )
    return Proof(tuple(sites))


def _layer(prefix: str, layer: SpikingLayer | ReadoutLayer, hi: int) -> list[SiteProof]:
    columns = [Interval(low * hi, high * hi) for low, high in zip(*layer.dense.column_sums, strict=True)]
    hull = _hull(columns)
    if not hull.inside(layer.dense.accumulator):
        raise RangeError(
            f"`{prefix}.accumulator` must hold {hull.lo}..{hull.hi} ({hull.bits} bits), "
            f"but its format has {layer.dense.accumulator.bits} bits"
        )
    rescale = layer.rescale
    scaled = [
        Interval(column.lo * m, column.hi * m)
        for column, m in zip(columns, rescale.multiplier.tolist(), strict=True)
    ]
    products = [Interval(x.lo + b, x.hi + b) for x, b in zip(scaled, rescale.bias.tolist(), strict=True)]
    formed = _hull([*scaled, *(x.rounded(rescale.shift) for x in products)])
    q = [p.shifted(rescale.shift, rescale.site) for p in products]
    sites = [
        SiteProof(f"{prefix}.accumulator", hull, False),
        SiteProof(f"{prefix}.product", formed, False),
        _site(f"{prefix}.rescale", q, rescale.site),
    ]
    q = [x.overflowed(rescale.site) for x in q]
    if isinstance(layer, ReadoutLayer):
        return sites + _filter(prefix, layer.filter, q)
    drive = q
    if layer.synapse is not None:
        part = layer.synapse
        sites += _filter(f"{prefix}.filter", part.filter, q)
        fmt = part.filter.site.format
        offset = [Interval(fmt.lo + c, fmt.hi + c) for c in part.offset.tolist()]
        dropped = fmt.frac - part.drive.format.frac
        shifted = [x.shifted(dropped, part.drive) for x in offset]
        sites += [
            SiteProof(f"{prefix}.offset", _hull(offset).rounded(dropped), False),
            _site(f"{prefix}.drive", shifted, part.drive),
        ]
        drive = [x.overflowed(part.drive) for x in shifted]
    return sites + _neuron(prefix, layer.neuron, _hull(drive))


def _filter(name: str, part: Filter, q: list[Interval]) -> list[SiteProof]:
    fmt = part.site.format
    hull = _hull(q)
    top = int(part.decay.max())
    # y - round(y * decay) never falls when y rises, because decay <= 2**shift: the ends decide.
    ends = [
        y - round_shift(y * k, part.shift, part.site.rounding)
        for y in (fmt.lo, fmt.hi)
        for k in part.decay.tolist()
    ]
    update = Interval(min(ends) + hull.lo, max(ends) + hull.hi)
    settled = all(
        _settles(part, k, x.hi) and _settles(part, k, x.lo)
        for k, x in zip(part.decay.tolist(), q, strict=True)
    )
    if part.site.overflow is Overflow.WRAP and not settled:
        raise RangeError(
            f"`{name}` must stay inside {fmt} to be allowed to wrap, but its inputs can push it out: "
            "use SAT or more filter bits"
        )
    return [
        SiteProof(f"{name}.leak", Interval(fmt.lo * top, fmt.hi * top).rounded(part.shift), False),
        SiteProof(name, update, not settled),
    ]


def _settles(part: Filter, decay: int, q: int) -> bool:
    """Whether a filter at the format's end is pulled back at least as fast as `q` pushes it.

    If so the format is an inductive invariant of the update.
    """
    end = part.site.format.hi if q > 0 else part.site.format.lo
    leak = round_shift(end * decay, part.shift, part.site.rounding)
    return leak >= q if q > 0 else leak <= q


def _neuron(prefix: str, n: NeuronUpdate, drive: Interval) -> list[SiteProof]:
    fmt = n.membrane.format
    _check_constants(prefix, n)
    scale = 1 << (fmt.frac - n.growth.format.frac)
    v = Interval(fmt.lo, int(n.threshold.max()))
    growth = Interval(int(n.growth.values.min()), int(n.growth.values.max()))
    total = Interval(growth.lo * scale - v.hi + drive.lo, growth.hi * scale - v.lo + drive.hi)
    bounded = total.overflowed(n.sum)
    gain = Interval(min(int(t.values.min()) for t in n.gain), max(int(t.values.max()) for t in n.gain))
    product = _hull([Interval(min(bounded.lo * g, 0), max(bounded.hi * g, 0)) for g in gain])
    move = product.shifted(n.gain[0].format.frac, n.membrane)
    wraps = n.sum.overflow is Overflow.WRAP and not total.inside(n.sum.format)
    lowest = v.lo + move.lo if wraps else _lowest_candidate(n, drive.lo)
    candidate = Interval(lowest, v.hi + move.hi)
    if n.membrane.overflow is Overflow.WRAP and lowest < fmt.lo:
        raise RangeError(
            f"`{prefix}.membrane` must stay inside {fmt} to be allowed to wrap, but inhibition can push it "
            f"to {lowest}: use SAT or more membrane bits"
        )
    tables = [n.growth, *n.gain]
    steepest = max(int(np.abs(np.diff(t.values)).max()) for t in tables)
    return [
        SiteProof(
            f"{prefix}.interpolation",
            Interval(-(steepest << n.domain.shift), steepest << n.domain.shift).rounded(n.domain.shift),
            False,
        ),
        SiteProof(f"{prefix}.growth", Interval(growth.lo * scale, growth.hi * scale), False),
        _site(f"{prefix}.sum", [total], n.sum),
        SiteProof(f"{prefix}.gain_product", product.rounded(n.gain[0].format.frac), False),
        SiteProof(f"{prefix}.membrane", candidate, lowest < fmt.lo),
    ]


def _check_constants(prefix: str, n: NeuronUpdate) -> None:
    fmt = n.membrane.format
    if fmt.bits > _MAX_MEMBRANE_BITS:
        raise RangeError(
            f"`{prefix}.membrane` must have at most {_MAX_MEMBRANE_BITS} bits, so that its update can be "
            f"checked code by code, not {fmt.bits}"
        )
    most = _MOST_TRIED >> fmt.bits
    if len(n.gain) > most:
        raise RangeError(
            f"`{prefix}.gain` must hold at most {most} tables for a membrane of {fmt.bits} bits, so that its "
            f"update can be checked code by code, not {len(n.gain)}"
        )
    for name in ("threshold", "reset", "initial"):
        values: Integers = getattr(n, name)
        if values.min() < fmt.lo or values.max() > fmt.hi:
            raise RangeError(
                f"`{prefix}.{name}` must lie in {fmt.lo}..{fmt.hi}, the range of {fmt}, "
                f"not in {values.min()}..{values.max()}"
            )
    if (n.reset >= n.threshold).any() or (n.initial > n.threshold).any():
        raise RangeError(f"`{prefix}.reset` must lie below `threshold`, and `initial` must not exceed it")


def _lowest_candidate(n: NeuronUpdate, drive: int) -> int:
    """The lowest membrane code before overflow, over every membrane code, at the lowest drive.

    The update rises with the drive, so the lowest drive decides; the membrane has few enough codes to try
    each of them with each gain table.
    """
    fmt = n.membrane.format
    lowest = 0
    for first in range(fmt.lo, int(n.threshold.max()) + 1, _CODES_AT_ONCE):
        codes = np.arange(first, min(first + _CODES_AT_ONCE, int(n.threshold.max()) + 1), dtype=np.int64)
        growth = lookup(n.growth.values, n.domain, n.growth, codes)
        total = (growth << (fmt.frac - n.growth.format.frac)) - codes + drive
        bounded = overflow(total, n.sum.format, n.sum.overflow)
        for table in n.gain:
            gain = lookup(table.values, n.domain, table, codes)
            move = round_shift(gain * bounded, n.gain[0].format.frac, n.membrane.rounding)
            lowest = min(lowest, int((codes + move).min()))
    return lowest


def _hull(intervals: Iterable[Interval]) -> Interval:
    intervals = list(intervals)
    return Interval(min(i.lo for i in intervals), max(i.hi for i in intervals))


def _site(name: str, intervals: list[Interval], site: Quantizer) -> SiteProof:
    hull = _hull(intervals)
    return SiteProof(name, hull, not hull.inside(site.format))
