"""The first spike on which a program and its float network disagree, and what makes it go away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from expifref.network.description import Description
from quantize.graph.layers import full_name
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .causes import ALL_CAUSES, Cause
from .codes import Floats
from .hybrid import Hybrid, tells_causes_apart
from .signals import LayerTrace

__all__ = ["Attribution", "Departure", "Divergence", "FirstDivergence", "Located"]

Run = list[Mapping[str, Floats]]
"""What a layer did in each step, by the names of its results."""

_SIGNALS = ("filter", "drive", "adaptation", "membrane")


@dataclass(frozen=True)
class Departure:
    """The diverging neuron's first value that is more than an LSB off; both sides in LSB of the signal."""

    step: int
    signal: str
    float_value: float
    integer_value: int


@dataclass(frozen=True)
class Attribution:
    """What the divergence is due to: the network was run again with each cause off, and with each alone."""

    cause: Cause | None  # the only one that matters; None where there is no single one
    removed_by: tuple[Cause, ...]  # without any of these the spike is as in float
    made_by: tuple[Cause, ...]  # each of these alone makes the same difference
    largest: (
        Cause  # of `removed_by` the one without which the neuron's course is nearest to float; if that is
    )
    # empty, of `made_by` (or of all) the one that alone takes it furthest away
    departure: Departure | None


@dataclass(frozen=True)
class Divergence:
    """The first spike that one side has and the other has not: by step, layer, sample and neuron."""

    step: int
    layer: str
    sample: int
    neuron: int
    signal: str
    float_value: int
    integer_value: int
    float_membrane: float | None  # mV
    integer_membrane: float | None  # mV; None where it was not recorded
    attribution: Attribution | None = None  # None for a record that is not the program's


@dataclass(frozen=True)
class Located:
    """A divergence, where it is in its batch, and the one sample it is in."""

    found: Divergence
    place: tuple[int, int, int, int]  # step, layer, sample of the batch, neuron
    spikes: Spikes  # [step + 1, 1, inputs]


@dataclass
class FirstDivergence:
    """Keeps the earliest divergence of all batches."""

    description: Description
    program: Program
    samples: int = 0  # before the next batch
    earliest: Located | None = None

    def add(self, spikes: Spikes, real: Sequence[LayerTrace], other: Sequence[LayerTrace]) -> None:
        """Look through a batch."""
        place = _earliest(real, other)
        if place is not None:
            step, _, sample, _ = place
            own = spikes[: step + 1, sample : sample + 1].copy()
            self.join(Located(self._describe(place, real, other), place, own))
        self.samples += spikes.shape[1]

    def join(self, later: Located | None) -> None:
        """Look at the earliest divergence of samples that come after these."""
        if later is not None and (self.earliest is None or later.place[:2] < self.earliest.place[:2]):
            self.earliest = later

    def found(self) -> Divergence | None:
        """The earliest divergence, without its cause."""
        return None if self.earliest is None else self.earliest.found

    def explained(self) -> Divergence | None:
        """The earliest divergence with its cause, where float64 can tell causes apart."""
        if self.earliest is None:
            return None
        if not tells_causes_apart(self.program):
            return self.earliest.found
        step, layer, _, neuron = self.earliest.place
        attribution = attribute(self.description, self.program, self.earliest.spikes, step, layer, neuron)
        return replace(self.earliest.found, attribution=attribution)

    def _describe(
        self, where: tuple[int, int, int, int], real: Sequence[LayerTrace], other: Sequence[LayerTrace]
    ) -> Divergence:
        step, index, sample, neuron = where
        layer = self.program.graph.layers[index].name
        raster = real[index].spikes
        spike = raster is not None and bool(raster[step, sample, neuron])
        ours, theirs = (
            None if trace.value is None else float(trace.value[step, sample, neuron])
            for trace in (real[index], other[index])
        )
        signal = full_name(layer, "spikes")
        return Divergence(
            step, layer, self.samples + sample, neuron, signal, int(spike), int(not spike), ours, theirs
        )


def attribute(
    description: Description, program: Program, spikes: Spikes, step: int, layer: int, neuron: int
) -> Attribution:
    """Run one sample, `[step + 1, 1, inputs]`, with each cause off and alone, and look at one neuron."""

    def run(on: frozenset[Cause]) -> Run:
        return [steps[layer].results for steps in Hybrid(description, program, on).simulate(spikes)]

    real, whole = run(frozenset()), run(ALL_CAUSES)
    without = {cause: run(ALL_CAUSES - {cause}) for cause in Cause}
    alone = {cause: run(frozenset({cause})) for cause in Cause}
    expected = bool(real[step]["spikes"][0, neuron])
    removed = tuple(c for c, steps in without.items() if bool(steps[step]["spikes"][0, neuron]) is expected)
    made = tuple(c for c, steps in alone.items() if bool(steps[step]["spikes"][0, neuron]) is not expected)
    # The course without a cause says how much the others add up to, the course of one alone how much it adds.
    if removed:
        largest = min(removed, key=lambda cause: _distance(without[cause], real, neuron))
    else:
        largest = max(made or Cause, key=lambda cause: _distance(alone[cause], real, neuron))
    departure = _departure(program.graph.layers[layer].name, neuron, real, whole)
    return Attribution(_single(removed, made), removed, made, largest, departure)


def _single(removed: tuple[Cause, ...], made: tuple[Cause, ...]) -> Cause | None:
    """The only cause whose absence removes the divergence; of several, the only one that makes it alone."""
    if len(removed) == 1:
        return removed[0]
    both = [cause for cause in removed if cause in made]
    return both[0] if len(both) == 1 else None


def _earliest(real: Sequence[LayerTrace], other: Sequence[LayerTrace]) -> tuple[int, int, int, int] | None:
    """Step, layer, sample and neuron of the first spike that differs."""
    found: list[tuple[int, int, int, int]] = []
    for index, (ours, theirs) in enumerate(zip(real, other, strict=True)):
        if ours.spikes is None or theirs.spikes is None:
            continue
        differ = ours.spikes != theirs.spikes
        steps = np.flatnonzero(differ.any(axis=(1, 2)))
        if steps.size:
            step = int(steps[0])
            sample, neuron = (int(i) for i in np.argwhere(differ[step])[0])
            found.append((step, index, sample, neuron))
    return min(found, default=None)


def _distance(steps: Run, real: Run, neuron: int) -> float:
    """How far one neuron's membrane and drive are from the float ones, up to where that one diverges."""
    values = [(step["membrane"][0, neuron], step["drive"][0, neuron]) for step in (*steps, *real)]
    course = np.array(values).reshape(2, len(real), 2)
    course[:, -1, 0] = 0.0  # the membrane of the diverging step itself is at the threshold on one side
    return float(((course[0] - course[1]) ** 2).sum())


def _departure(layer: str, neuron: int, real: Run, whole: Run) -> Departure | None:
    for n, (ours, theirs) in enumerate(zip(real, whole, strict=True)):
        for name in _SIGNALS:
            if name not in theirs:
                continue
            value, code = (float(step[name][0, neuron]) for step in (ours, theirs))
            if abs(value - code) > 1:
                return Departure(n, full_name(layer, name), value, int(code))
    return None
