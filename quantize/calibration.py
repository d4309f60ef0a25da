"""What the float network does on calibration data: the ranges that formats have to hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description, NeuronParameters, SpikingDescription
from expifref.exceptions import ParameterError
from expifref.simulate import LayerStep, simulate

__all__ = ["Calibration", "LayerRange", "calibrate", "normalized_drive", "normalized_membrane"]

Floats = NDArray[np.float64]

_BINS_PER_UNIT = 32
_LIMIT = 512  # in units of delta_T (or of the readout); the outermost bins collect the rest
_COVERAGE = 0.9999


@dataclass(frozen=True)
class LayerRange:
    """Ranges of one layer in units of `delta_T` above `V_T`, or of the readout value."""

    membrane_low: float
    drive_low: float
    drive_high: float
    filter_peak: float  # largest magnitude of the filter state; 0 where there is no filter


@dataclass(frozen=True)
class Calibration:
    """Ranges of all layers, in order."""

    layers: tuple[LayerRange, ...]
    samples: int


def normalized_membrane(v: Floats, n: NeuronParameters) -> Floats:
    """`u = (V - V_T) / delta_T`."""
    return (v - n.v_t) / n.delta_t


def normalized_drive(current: Floats, n: NeuronParameters) -> Floats:
    """`x = (R I + V_rest - V_T) / delta_T`."""
    return (n.resistance * current + n.v_rest - n.v_t) / n.delta_t


def calibrate(
    description: Description, batches: Iterable[NDArray[np.uint8]], coverage: float = _COVERAGE
) -> Calibration:
    """Run the float network over `batches`, each uint8 `[steps, batch, inputs]`, and collect its ranges.

    Args:
        coverage: share of the values a range must hold, 1 for all; the rest saturates, and is counted.

    Raises:
        ParameterError: `coverage` is not in (0, 1], or there is no batch.
    """
    if not 0 < coverage <= 1:
        raise ParameterError(f"`coverage` must be above 0 and at most 1, not {coverage}")
    collectors = [_Collector() for _ in description.layers]
    samples = 0
    for spikes in batches:
        samples += spikes.shape[1]
        for steps in simulate(description, spikes):
            for layer, step, collector in zip(description.layers, steps, collectors, strict=True):
                collector.add(layer, step)
    if not samples:
        raise ParameterError("calibration needs at least one sample, and got none")
    return Calibration(tuple(c.range(coverage) for c in collectors), samples)


@dataclass
class _Histogram:
    """Counts of values in equal bins, so that quantiles need no memory of the values."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2 * _LIMIT * _BINS_PER_UNIT, np.int64))

    def add(self, values: Floats) -> None:
        bins = np.floor((np.clip(values, -_LIMIT, _LIMIT - 1e-6) + _LIMIT) * _BINS_PER_UNIT)
        self.counts += np.bincount(bins.astype(np.int64).ravel(), minlength=len(self.counts))

    def ends(self, coverage: float) -> tuple[float, float]:
        """Outer edges of the bins that hold `coverage` of the values, the same share cut on both sides."""
        total = int(self.counts.sum())
        if not total:
            return 0.0, 0.0
        below = np.cumsum(self.counts)
        cut = (1 - coverage) / 2 * total
        low = int(np.searchsorted(below, cut, side="right"))
        high = int(np.searchsorted(below, total - cut, side="left"))
        return low / _BINS_PER_UNIT - _LIMIT, (high + 1) / _BINS_PER_UNIT - _LIMIT


@dataclass
class _Collector:
    membrane: _Histogram = field(default_factory=_Histogram)
    drive: _Histogram = field(default_factory=_Histogram)
    filter_peak: float = 0.0

    def add(self, layer: object, step: LayerStep) -> None:
        if not isinstance(layer, SpikingDescription):
            self.filter_peak = max(self.filter_peak, float(np.abs(step.state.v).max()))
            return
        n = layer.neuron
        self.membrane.add(normalized_membrane(step.state.v, n))
        self.drive.add(normalized_drive(step.current, n))
        if layer.tau_synapse is not None:
            peak = float(np.abs(n.resistance * step.current / n.delta_t).max())
            self.filter_peak = max(self.filter_peak, peak)

    def range(self, coverage: float) -> LayerRange:
        drive_low, drive_high = self.drive.ends(coverage)
        return LayerRange(self.membrane.ends(coverage)[0], drive_low, drive_high, self.filter_peak)
