"""The ranges that formats take from what calibration saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from hw_profiles import Arithmetic

from .histograms import Histogram
from .statistics import LayerStatistics

__all__ = ["PRESETS", "AdaptationRange", "LayerRange", "RangeChoices", "RangeMethod", "layer_range"]

RangeMethod = Literal["max", "percentile", "mse"]


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
