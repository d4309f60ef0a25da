"""Runs the float network over calibration data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from expifref.encoders import Frames, get_encoder
from expifref.exceptions import ParameterError
from expifref.network.description import Description
from expifref.network.simulate import simulate
from quantize.run.pieces import cut, samples_within

from .checks import check_calibration_input, check_lowerable
from .statistics import Collector, LayerStatistics

__all__ = ["Calibration", "calibrate"]

_COVERAGE = 0.9999

_ARRAYS = 24
"""Arrays of a layer's size that a step of the float network has at once."""

_BATCH = 1024  # samples at once; fewer where the network is large


@dataclass(frozen=True)
class Calibration:
    """Statistics of all layers, in order."""

    layers: tuple[LayerStatistics, ...]
    samples: int
    coverage: float  # share of the values that a range by percentile must hold


def calibrate(
    description: Description,
    batches: Iterable[Frames],
    coverage: float = _COVERAGE,
    on_step: Callable[[int], None] = lambda _samples: None,
) -> Calibration:
    """Run the float network over `batches`, each `[steps, batch, inputs]`, and collect what it does.

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
    collectors = [Collector(layer) for layer in description.layers]
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


def _checked(description: Description, batches: Iterable[Frames], count: int) -> Iterator[Frames]:
    """At most `count` samples of each batch at a time."""
    for batch in batches:
        check_calibration_input(description, batch)
        for rows in cut(batch, count):
            yield batch[:, rows]
