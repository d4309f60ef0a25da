"""The interval of every value that the C code forms, partial sums included.

Where the proof of the program knows more than intervals do (an interpolated value lies between its ends, a
filter never leaks more than it holds) the words are chosen as if it did not, so that a tool which reads the
C alone can follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantize.program import Filter, NeuronUpdate, Synapse, Table
from quantize.ranges import Interval

from .words import INT64, range_of, union

__all__ = [
    "ZERO",
    "FilterWidths",
    "LayerWidths",
    "NeuronWidths",
    "Sites",
    "SynapseWidths",
    "filter_widths",
    "layer_widths",
    "neuron_widths",
    "synapse_widths",
]

Sites = Mapping[str, Interval]
"""Site name -> what reaches it, from `quantize.ranges.prove`."""

ZERO = Interval(0, 0)


@dataclass(frozen=True)
class FilterWidths:
    """Spec 5.3."""

    leak: Interval  # the product, with the constant of its rounding
    update: Interval  # before overflow, and its partial sums


@dataclass(frozen=True)
class NeuronWidths:
    """Spec 5.4 and 5.5."""

    code: Interval  # the membrane after its reset
    interpolation: Interval  # the product, with the constant of its rounding
    total: Interval  # before overflow, as proven
    sums: Interval  # the total and its partial sums
    product: Interval  # gain * sum, with the constant of its rounding
    move: Interval
    candidate: Interval  # before the threshold and overflow


@dataclass(frozen=True)
class SynapseWidths:
    """Spec 5.3, from the filter to the drive."""

    filter: FilterWidths
    offset: Interval  # filter + offset, with the constant of its rounding
    shifted: Interval  # before overflow


@dataclass(frozen=True)
class LayerWidths:
    """What every layer has, spec 5.1 and 5.2."""

    accumulator: Interval
    product: Interval  # with the constant of its rounding
    rescaled: Interval  # before overflow


def layer_widths(prefix: str, sites: Sites) -> LayerWidths:
    """The widths of the layer whose signals begin with `prefix`."""
    accumulator = union(sites[f"{prefix}.accumulator"], ZERO)
    product = union(sites[f"{prefix}.product"], accumulator)
    return LayerWidths(accumulator, product, sites[f"{prefix}.rescale"])


def synapse_widths(prefix: str, synapse: Synapse, sites: Sites) -> SynapseWidths:
    """The widths of the synapse of a layer."""
    part = filter_widths(f"{prefix}.filter", synapse.filter, sites)
    shifted = sites[f"{prefix}.drive"]
    return SynapseWidths(part, union(sites[f"{prefix}.offset"], shifted), shifted)


def filter_widths(name: str, part: Filter, sites: Sites) -> FilterWidths:
    """The widths of a filter whose sites begin with `name`."""
    states, update = range_of(part.site.format), sites[name]
    leak = union(sites[f"{name}.leak"], ZERO)
    top = int(part.decay.max())
    leaked = Interval(states.lo * top, states.hi * top).shifted(part.shift, part.site)
    # What q adds is what the update has beyond its state.
    q = Interval(min(update.lo - states.lo, 0), max(update.hi - states.hi, 0))
    apart = Interval(states.lo - leaked.hi, states.hi - leaked.lo)
    loose = union(apart, Interval(apart.lo + q.lo, apart.hi + q.hi), states, update)
    return FilterWidths(leak, _usable(loose, union(update, states, ZERO)))


def neuron_widths(prefix: str, n: NeuronUpdate, drive: Interval, sites: Sites) -> NeuronWidths:
    """The widths of the update of a layer whose drive lies in `drive`."""
    code = Interval(n.membrane.format.lo, int(n.threshold.max()) - 1)
    scale = 1 << (n.membrane.format.frac - n.growth.format.frac)
    growth, gain = _interpolated((n.growth,)), _interpolated(n.gain)
    aligned = Interval(growth.lo * scale, growth.hi * scale)
    sums = union(
        aligned,
        Interval(aligned.lo - code.hi, aligned.hi - code.lo),
        Interval(aligned.lo - code.hi + min(drive.lo, 0), aligned.hi - code.lo + max(drive.hi, 0)),
    )
    total = sites[f"{prefix}.sum"]
    kept = sums if total.inside(n.sum.format) else sums.overflowed(n.sum)
    ends = [a * b for a in gain for b in kept]
    product = Interval(min(ends), max(ends))
    shift = n.gain[0].format.frac
    move = product.shifted(shift, n.membrane)
    tight = union(sites[f"{prefix}.gain_product"], ZERO)
    return NeuronWidths(
        code,
        _usable(_products(n), union(sites[f"{prefix}.interpolation"], ZERO)),
        total,
        _usable(sums, union(total, sites[f"{prefix}.growth"])),
        _usable(union(product, product.rounded(shift)), tight),
        move,
        Interval(code.lo + move.lo, code.hi + move.hi),
    )


def _interpolated(tables: tuple[Table, ...]) -> Interval:
    lo = min(int(table.values.min()) for table in tables)
    hi = max(int(table.values.max()) for table in tables)
    return Interval(lo - (hi - lo), hi + (hi - lo))


def _products(n: NeuronUpdate) -> Interval:
    spans = [int(table.values.max()) - int(table.values.min()) for table in (n.growth, *n.gain)]
    most = max(spans) << n.domain.shift
    return Interval(-most, most).rounded(n.domain.shift)


def _usable(loose: Interval, proven: Interval) -> Interval:
    """The looser interval, unless C has no word for it."""
    return loose if loose.bits <= INT64.bits else proven
