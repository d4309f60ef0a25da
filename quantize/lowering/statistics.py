"""What the layers of a float network do, step by step, summed up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import INPUT, LayerDescription, SpikingDescription
from expifref.network.simulate import LayerStep

from .histograms import Histogram, Magnitudes
from .normalized import normalized_drive, normalized_membrane

__all__ = ["Collector", "FeedStatistics", "LayerStatistics"]

Floats = NDArray[np.float64]


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
class Collector:
    """What a layer did so far."""

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
        """All of it."""
        return LayerStatistics(
            tuple(seen.statistics() for seen in self.feeds),
            self.membrane,
            self.drive,
            self.filter,
            self.push_at_spikes / max(self.spikes, 1),
            self.push,
            self.adaptation,
        )
