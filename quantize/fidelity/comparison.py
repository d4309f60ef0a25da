"""How far a program is from its float network, layer by layer (measures of docs/fidelity.md)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.network.description import Description
from expifref.network.scores import Score, score_of
from quantize.program.program import Program
from quantize.run.batches import Batch

from .divergence import Divergence
from .signals import LayerTrace, layer_pairs
from .spike_distances import MOST_TRAINS, TrainDistances, train_distances
from .spike_trains import SpikeComparison, compare_rasters

__all__ = [
    "Comparison",
    "LayerComparison",
    "NeuronCounts",
    "empty_comparison",
]

_AT_THE_LIMIT = 0.95
"""Share of the spikes that its refractory period allows from which a neuron counts as saturated."""


@dataclass(frozen=True)
class NeuronCounts:
    """Spikes of each neuron of a layer over all samples, `[neurons]`."""

    real: NDArray[np.int64]
    integer: NDArray[np.int64]
    most: NDArray[np.int64]  # spikes that the refractory period of the float network allows

    def __add__(self, other: NeuronCounts) -> NeuronCounts:
        return NeuronCounts(self.real + other.real, self.integer + other.integer, self.most + other.most)

    @property
    def silent(self) -> tuple[int, int]:
        """Neurons that never spike, in float and in integers."""
        return int((self.real == 0).sum()), int((self.integer == 0).sum())

    @property
    def saturated(self) -> tuple[int, int]:
        """Neurons that spike as often as they can, in float and in integers."""
        limit = _AT_THE_LIMIT * self.most
        return int((self.real >= limit).sum()), int((self.integer >= limit).sum())

    @property
    def newly_saturated(self) -> NDArray[np.bool_]:
        """Neurons that spike as often as they can in integers and not in float."""
        limit = _AT_THE_LIMIT * self.most
        return (self.integer >= limit) & (self.real < limit)


@dataclass
class LayerComparison:
    """Sums over all samples for one layer."""

    name: str
    width: int  # neurons or classes
    refractory_steps: NDArray[np.int64] | None  # of the float network; None for a readout
    spikes: SpikeComparison | None = None  # None for a readout
    distances: TrainDistances = field(default_factory=TrainDistances)
    neurons: NeuronCounts | None = None
    squared_error: float = 0.0  # mV**2 away from spikes, or of the readout value
    compared: int = 0
    low: float = np.inf  # the float network's values, over which the error was summed
    high: float = -np.inf

    @property
    def rmse(self) -> float:
        """Root mean square error: mV of membrane away from spikes, or of the readout value."""
        return float(np.sqrt(self.squared_error / self.compared)) if self.compared else 0.0

    @property
    def nrmse(self) -> float:
        """`rmse` as a share of the range of the float network's values."""
        return self.rmse / (self.high - self.low) if self.high > self.low else 0.0

    @property
    def silenced(self) -> int:
        """Neurons that spike in float and never in integers."""
        n = self.neurons
        return 0 if n is None else int(((n.real > 0) & (n.integer == 0)).sum())

    @property
    def awakened(self) -> int:
        """Neurons that spike in integers and never in float."""
        n = self.neurons
        return 0 if n is None else int(((n.real == 0) & (n.integer > 0)).sum())

    def add(self, real: LayerTrace, other: LayerTrace, dt: float, most_trains: int) -> None:
        """Add a batch; distances are taken of `most_trains` trains in all."""
        if real.spikes is None or other.spikes is None:
            self._add_values(real, other, None)
            return
        found = compare_rasters(real.spikes, other.spikes, dt)
        self.spikes = found if self.spikes is None else self.spikes + found
        left = most_trains - self.distances.trains
        if left > 0:
            self.distances += train_distances(real.spikes, other.spikes, dt, left)
        counts = self._count(real.spikes, other.spikes)
        self.neurons = counts if self.neurons is None else self.neurons + counts
        self._add_values(real, other, ~_around(real.spikes | other.spikes))

    def join(self, later: LayerComparison) -> None:
        """Add the sums over the samples that come after these."""
        if later.spikes is not None:
            self.spikes = later.spikes if self.spikes is None else self.spikes + later.spikes
        if later.neurons is not None:
            self.neurons = later.neurons if self.neurons is None else self.neurons + later.neurons
        self.distances += later.distances
        self.squared_error += later.squared_error
        self.compared += later.compared
        self.low, self.high = min(self.low, later.low), max(self.high, later.high)

    def _count(self, real: NDArray[np.bool_], integer: NDArray[np.bool_]) -> NeuronCounts:
        steps, batch, width = real.shape
        refractory = np.zeros(width, np.int64) if self.refractory_steps is None else self.refractory_steps
        most: NDArray[np.int64] = -(-steps // (refractory + 1)) * batch
        counts = [raster.sum(axis=(0, 1), dtype=np.int64) for raster in (real, integer)]
        return NeuronCounts(counts[0], counts[1], most)

    def _add_values(self, real: LayerTrace, other: LayerTrace, where: NDArray[np.bool_] | None) -> None:
        if real.value is None or other.value is None:
            return
        values, others = real.value, other.value
        if where is not None:
            values, others = values[where], others[where]
        error = values - others
        self.squared_error += float((error**2).sum())
        self.compared += error.size
        self.low = min(self.low, float(values.min(initial=np.inf)))
        self.high = max(self.high, float(values.max(initial=-np.inf)))


@dataclass
class Comparison:
    """A program, or another executor's record of it, against its float network."""

    layers: list[LayerComparison]
    dt: float
    first_sample: int = 0  # number of the first sample in the data set
    samples: int = 0
    answers: int = 0  # that count: one per sample, or per step
    float_score: Score = field(default_factory=Score)
    integer_score: Score = field(default_factory=Score)
    agreeing: int = 0
    labelled: bool = False
    predicted: bool = True  # whether the output was recorded
    first: Divergence | None = None
    saturations: dict[str, int] = field(default_factory=dict)
    values_per_neuron: int = 0  # steps of all samples
    differing_values: int | None = None  # of a record, from the program's own signals

    @property
    def differing_spikes(self) -> int:
        """Neuron-steps at which only one side spikes, over all layers."""
        return sum(layer.spikes.differing_cells for layer in self.layers if layer.spikes)

    @property
    def spike_difference(self) -> float:
        """`differing_spikes` as a share of the float network's spikes."""
        total = sum(layer.spikes.float_spikes for layer in self.layers if layer.spikes)
        return self.differing_spikes / total if total else 0.0

    @property
    def agreement(self) -> float:
        """Share of the predictions that are the same class."""
        return self.agreeing / self.answers if self.answers else 0.0

    @property
    def membrane_rmse(self) -> float:
        """mV away from spikes, over all spiking layers."""
        spiking = [layer for layer in self.layers if layer.spikes is not None]
        compared = sum(layer.compared for layer in spiking)
        return float(np.sqrt(sum(layer.squared_error for layer in spiking) / compared)) if compared else 0.0

    def add(
        self,
        real: list[LayerTrace],
        other: list[LayerTrace],
        batch: Batch,
        most_trains: int = MOST_TRAINS,
    ) -> None:
        """Add both sides' traces of `batch`.

        Raises:
            DataError: a label is not one of the network's classes.
        """
        for entry, ours, theirs in zip(self.layers, real, other, strict=True):
            entry.add(ours, theirs, self.dt, most_trains - self.first_sample * entry.width)
        output = real[-1].output
        if output is None:
            raise DataError("the first of two compared networks must have its output recorded")
        self.samples += output.shape[1]
        self.values_per_neuron += output.shape[0] * output.shape[1]
        self._add_predictions(output, other[-1].output, batch)

    def join(self, later: Comparison) -> None:
        """Add the sums over the samples that come after these; `first` stays."""
        for entry, other in zip(self.layers, later.layers, strict=True):
            entry.join(other)
        for name in ("samples", "answers", "float_score", "integer_score", "agreeing", "values_per_neuron"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        self.labelled |= later.labelled
        self.predicted &= later.predicted
        self.saturations = dict(sorted((Counter(self.saturations) + Counter(later.saturations)).items()))
        if self.differing_values is not None and later.differing_values is not None:
            self.differing_values += later.differing_values

    def _add_predictions(
        self, real: NDArray[np.float64], other: NDArray[np.float64] | None, batch: Batch
    ) -> None:
        labels, decision, steps = batch.labels, batch.decision, len(real)
        if labels is not None and labels.dtype.kind == "f":
            self._add_errors(real, other, batch, labels)
            return
        if labels is not None and labels.size and labels.max() >= real.shape[-1]:
            raise DataError(
                f"labels must be below the {real.shape[-1]} classes of the network, not {labels.max()}: "
                "give the data set that it was trained on"
            )
        ours = decision.classes(real)
        if labels is not None:
            self.labelled = True
            self.float_score += score_of(decision, ours, labels, steps)
        if other is None:
            self.predicted = False
            return
        theirs = decision.classes(other)
        counted = decision.counted(steps)
        same = ours == theirs if counted is None else (ours == theirs)[counted]
        self.agreeing += int(same.sum())
        self.answers += same.size
        if labels is not None:
            self.integer_score += score_of(decision, theirs, labels, steps)

    def _add_errors(
        self,
        real: NDArray[np.float64],
        other: NDArray[np.float64] | None,
        batch: Batch,
        targets: NDArray[np.float32],
    ) -> None:
        if targets.shape[-1] != real.shape[-1]:
            raise DataError(
                f"targets must have the {real.shape[-1]} outputs of the network, not {targets.shape[-1]}: "
                "give the data set that it was trained on"
            )
        decision, steps = batch.decision, len(real)
        self.labelled = True
        self.float_score += score_of(decision, decision.values(real), targets, steps)
        if other is None:
            self.predicted = False
            return
        self.integer_score += score_of(decision, decision.values(other), targets, steps)


def empty_comparison(description: Description, program: Program, first_sample: int = 0) -> Comparison:
    """A comparison of no samples; raises ParameterError for a program of another network."""
    layers = [
        LayerComparison(pair.layer.name, pair.layer.units, pair.reading.refractory_steps)
        for pair in layer_pairs(description, program)
    ]
    return Comparison(layers, description.dt, first_sample)


def _around(spikes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The steps of all spikes and one step on either side."""
    wide = spikes.copy()
    wide[1:] |= spikes[:-1]
    wide[:-1] |= spikes[1:]
    return wide
