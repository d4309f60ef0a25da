"""What the float network does on calibration data, and the ranges that formats take from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from expifref.description import (
    INPUT,
    AnyNeuron,
    Description,
    LayerDescription,
    SpikingDescription,
)
from expifref.encoders import get_encoder
from expifref.exceptions import ParameterError
from expifref.simulate import LayerStep, simulate
from hw_profiles import Arithmetic
from quantize.run.pieces import cut, samples_within

from .checks import check_calibration_input, check_lowerable
from .histograms import Histogram, Magnitudes

__all__ = [
    "PRESETS",
    "AdaptationRange",
    "Calibration",
    "FeedStatistics",
    "LayerRange",
    "LayerStatistics",
    "RangeChoices",
    "RangeMethod",
    "calibrate",
    "layer_range",
    "normalized_drive",
    "normalized_membrane",
]

Floats = NDArray[np.float64]
RangeMethod = Literal["max", "percentile", "mse"]

_COVERAGE = 0.9999

_ARRAYS = 24
"""Arrays of a layer's size that a step of the float network has at once."""

_BATCH = 1024  # samples at once; fewer where the network is large


@dataclass(frozen=True)
class RangeChoices:
    """How each site gets its range: largest value seen, the calibration's coverage, or least squared error.

    No preset takes a percentile of a filter: what is cut off there stays wrong for a time constant.
    """

    weight: RangeMethod = "max"  # of each channel
    membrane: RangeMethod = "percentile"
    drive: RangeMethod = "percentile"
    filter: RangeMethod = "max"


PRESETS: Mapping[str, RangeChoices] = MappingProxyType(
    {
        "max": RangeChoices("max", "max", "max", "max"),
        "percentile": RangeChoices(),
        "mse": RangeChoices("mse", "mse", "mse", "mse"),
    }
)


@dataclass(frozen=True)
class AdaptationRange:
    """Ranges of an adaptation, in units of `delta_T`: `R w / delta_T`."""

    peak: float  # magnitude
    push_low: float  # of the drive less the adaptation
    push_high: float


@dataclass(frozen=True)
class LayerRange:
    """Ranges of one layer in normalized units, or of the readout value."""

    membrane_low: float
    drive_low: float
    drive_high: float
    filter_peak: float  # magnitude of the filter state; 0 where there is no filter
    firing_drive: float  # mean push in the steps that end in a spike; 0 where there is none
    membrane_high: float = 0.0
    adaptation: AdaptationRange | None = None  # None where there is none

    @property
    def push_low(self) -> float:
        """The lowest drive, less what adaptation takes off it."""
        return self.drive_low if self.adaptation is None else self.adaptation.push_low

    @property
    def push_high(self) -> float:
        """The highest one."""
        return self.drive_high if self.adaptation is None else self.adaptation.push_high


@dataclass(frozen=True, eq=False)
class FeedStatistics:
    """What a feed saw: integers of the input port, spikes or the values of a readout."""

    mean: Floats  # [source units]
    power: Floats  # [source units], mean square


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """What one layer did, in normalized units, or of the readout value."""

    feeds: tuple[FeedStatistics, ...]
    membrane: Histogram = field(default_factory=Histogram)
    drive: Histogram = field(default_factory=Histogram)
    filter: Magnitudes = field(default_factory=Magnitudes)
    firing_drive: float = 0.0
    push: Histogram = field(default_factory=Histogram)
    adaptation: Magnitudes | None = None  # None where there is none


@dataclass(frozen=True)
class Calibration:
    """Statistics of all layers, in order."""

    layers: tuple[LayerStatistics, ...]
    samples: int
    coverage: float  # share of the values that a range by percentile must hold


def normalized_membrane(v: Floats, n: AnyNeuron) -> Floats:
    """`u = (V - origin) / span`: of exponential neurons `V_T` and `delta_T`."""
    return (v - n.origin) / n.span


def normalized_drive(current: Floats, n: AnyNeuron) -> Floats:
    """`x = (R I + V_rest - origin) / span`."""
    return (n.resistance * current + n.v_rest - n.origin) / n.span


def calibrate(
    description: Description,
    batches: Iterable[NDArray[np.uint8]],
    coverage: float = _COVERAGE,
    on_step: Callable[[int], None] = lambda _samples: None,
) -> Calibration:
    """Run the float network over `batches`, each uint8 `[steps, batch, inputs]`, and collect what it does.

    Args:
        coverage: share of the values a range by percentile must hold, 1 for all; the rest saturates, and is
            counted.
        on_step: called after every step with the number of samples that took it.

    Raises:
        ParameterError: a parameter breaks its rule, `coverage` is not in (0, 1], or there is no batch.
        UnsupportedError: the network has a form without integer lowering.
        DataError: a batch is not what the network's encoder gives.
    """
    check_lowerable(description)
    if not 0 < coverage <= 1:
        raise ParameterError(f"`coverage` must be above 0 and at most 1, not {coverage}")
    collectors = [_Collector(layer) for layer in description.layers]
    scale = get_encoder(description.encoder).scale
    samples = 0
    count = samples_within(_ARRAYS * max(layer.units for layer in description.layers), _BATCH)
    for spikes in _checked(description, batches, count):
        samples += spikes.shape[1]
        for steps in simulate(description, spikes):
            for step, collector in zip(steps, collectors, strict=True):
                collector.add(step, scale)
            on_step(spikes.shape[1])
    if not samples:
        raise ParameterError("calibration needs at least one sample, and got none")
    return Calibration(tuple(c.statistics() for c in collectors), samples, coverage)


def _checked(
    description: Description, batches: Iterable[NDArray[np.uint8]], count: int
) -> Iterator[NDArray[np.uint8]]:
    """At most `count` samples of each batch at a time."""
    for batch in batches:
        check_calibration_input(description, batch)
        for rows in cut(batch, count):
            yield batch[:, rows]


def layer_range(
    seen: LayerStatistics, coverage: float, choices: RangeChoices, arithmetic: Arithmetic
) -> LayerRange:
    """The ranges that `choices` make of what was seen, for the words of `arithmetic`."""
    low, high = _ends(seen.drive, choices.drive, coverage, arithmetic.drive_bits)
    lowest, highest = _ends(seen.membrane, choices.membrane, coverage, arithmetic.membrane_bits)
    peak, adaptation = _peak(seen, coverage, choices, arithmetic), None
    if seen.adaptation is not None:
        ends = _ends(seen.push, choices.drive, coverage, arithmetic.drive_bits)
        adaptation = AdaptationRange(seen.adaptation.peak, *ends)
    return LayerRange(lowest, low, high, peak, seen.firing_drive, highest, adaptation)


def _ends(values: Histogram, method: RangeMethod, coverage: float, bits: int) -> tuple[float, float]:
    low, high = values.ends(coverage if method == "percentile" else 1.0)
    if method != "mse":
        return low, high
    reach = values.best_reach(bits)
    return max(low, -reach), min(high, reach)


def _peak(seen: LayerStatistics, coverage: float, choices: RangeChoices, arithmetic: Arithmetic) -> float:
    if choices.filter == "max":
        return seen.filter.peak
    if choices.filter == "percentile":
        return seen.filter.quantile(coverage)
    # Formats hold twice the peak; the best reach needs no such room.
    return min(seen.filter.peak, seen.filter.best_reach(arithmetic.filter_bits) / 2)


@dataclass
class _Seen:
    """What a feed saw so far."""

    sums: Floats  # [source units]
    squares: Floats  # [source units]
    rows: int = 0

    def add(self, values: Floats) -> None:
        self.sums = self.sums + values.sum(axis=0)
        self.squares = self.squares + (values**2).sum(axis=0)
        self.rows += len(values)

    def statistics(self) -> FeedStatistics:
        return FeedStatistics(self.sums / self.rows, self.squares / self.rows)


@dataclass
class _Collector:
    layer: LayerDescription
    feeds: list[_Seen] = field(init=False)
    membrane: Histogram = field(default_factory=Histogram)
    drive: Histogram = field(default_factory=Histogram)
    filter: Magnitudes = field(default_factory=Magnitudes)
    push: Histogram = field(default_factory=Histogram)
    adaptation: Magnitudes | None = None
    spikes: int = 0
    push_at_spikes: float = 0.0

    def __post_init__(self) -> None:
        self.feeds = [_Seen(*np.zeros((2, feed.sources))) for feed in self.layer.feeds]

    def add(self, step: LayerStep, scale: float) -> None:
        """Count a step in which an integer of the input port was worth `scale`."""
        layer = self.layer
        for feed, values, seen in zip(layer.feeds, step.seen, self.feeds, strict=True):
            seen.add(np.rint(values / scale) if feed.source == INPUT else values)
        if not isinstance(layer, SpikingDescription):
            self.filter = self.filter.added(step.state.v)
            return
        n = layer.neuron
        self.membrane = self.membrane.added(normalized_membrane(step.state.v, n))
        drive = normalized_drive(step.current, n)
        self.drive = self.drive.added(drive)
        push = drive
        if n.adapts:
            taken = n.resistance * step.adaptation / n.span
            push = drive - taken
            self.push = self.push.added(push)
            self.adaptation = (self.adaptation or Magnitudes()).added(taken)
        self.spikes += int(step.spikes.sum())
        self.push_at_spikes += float(push[step.spikes].sum())
        if layer.tau_synapse is not None:
            self.filter = self.filter.added(n.resistance * step.current / n.span)

    def statistics(self) -> LayerStatistics:
        return LayerStatistics(
            tuple(seen.statistics() for seen in self.feeds),
            self.membrane,
            self.drive,
            self.filter,
            self.push_at_spikes / max(self.spikes, 1),
            self.push,
            self.adaptation,
        )
