"""What a few samples do on both sides, small enough to lie in a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cli.inputs import Inputs
    from expifref.network.description import Description
    from quantize.fidelity.courses import Course, Pair
    from quantize.program.program import Program

__all__ = ["trace_facts"]

_FIRST_SAMPLES = 4
_MOST_STEPS = 500
_MOST_VALUES = 120_000
"""Numbers in all: about a megabyte."""

_PER_CELL = 4
"""Membrane and drive, on both sides."""


def trace_facts(
    description: Description, program: Program, inputs: Inputs, first: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Spikes, membranes and drives of the first samples and of that of the first divergence.

    Where that is much, every so many neurons are kept, and the one that diverges first.
    """
    from quantize.fidelity.courses import courses

    steps = min(inputs.steps, _MOST_STEPS)
    samples = sorted({*range(min(_FIRST_SAMPLES, inputs.samples)), *([first["sample"]] if first else [])})
    frames = [inputs.frames(slice(one, one + 1))(slice(0, steps)) for one in samples]
    found = courses(description, program, np.concatenate(frames, axis=1))
    room = max(_MOST_VALUES // (steps * len(samples) * _PER_CELL * len(found)), 1)
    return {
        "samples": samples,
        "labels": _labels(inputs, samples),
        "steps": steps,
        "dt_ms": program.dt_seconds * 1e3,
        "layers": [_layer(course, room, first) for course in found],
    }


def _labels(inputs: Inputs, samples: list[int]) -> list[int] | None:
    from quantize.run.batches import classes_of

    classes = classes_of(inputs.labels)
    return None if classes is None else [int(one) for one in classes[samples]]


def _layer(course: Course, room: int, first: Mapping[str, Any] | None) -> dict[str, Any]:
    units = course.value.real.shape[2]
    kept = set(np.linspace(0, units - 1, min(room, units)).astype(int).tolist())
    if first is not None and first["layer"] == course.layer:
        kept.add(first["neuron"])
    neurons = sorted(kept)
    return {
        "name": course.layer,
        "units": units,
        "neurons": neurons,
        "spikes": None if course.spikes is None else _pair(course.spikes, neurons, _events),
        "value": _pair(course.value, neurons, _rounded),
        "drive": None if course.drive is None else _pair(course.drive, neurons, _rounded),
    }


def _pair(pair: Pair, neurons: list[int], told: Any) -> dict[str, Any]:
    return {"float": told(pair.real[:, :, neurons]), "integer": told(pair.integer[:, :, neurons])}


def _events(raster: NDArray[np.bool_]) -> list[list[list[int]]]:
    """Of every sample and kept neuron the steps in which it spikes."""
    return [
        [np.flatnonzero(raster[:, sample, neuron]).tolist() for neuron in range(raster.shape[2])]
        for sample in range(raster.shape[1])
    ]


def _rounded(values: NDArray[np.float64]) -> list[list[list[float]]]:
    """Of every sample and kept neuron the value in every step, in five digits."""
    flat = [float(f"{value:.5g}") for value in values.transpose(1, 2, 0).ravel()]
    shaped: list[list[list[float]]] = np.reshape(flat, values.transpose(1, 2, 0).shape).tolist()
    return shaped
