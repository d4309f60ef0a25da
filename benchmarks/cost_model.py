"""What a run of a program costs: operations and bytes, counted from its shape (docs/cost_model.md).

CPU seconds are a sum of counts, each times what one costs on this machine; `cost_run.py` measures those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["TERMS", "Shape", "counts", "fit", "memory", "seconds"]


@dataclass(frozen=True)
class Shape:
    """One run of a network of spiking layers."""

    widths: tuple[int, ...]  # inputs, then the neurons of each layer
    steps: int
    batch: int
    density: float  # share of the inputs that are active at a step
    traces: bool = False  # every signal of every step is returned, not only the output
    constant: bool = False  # the inputs are the same at all steps
    hidden: float = 1 / 60  # share of the neurons that spike at a step


TERMS: Mapping[str, tuple[str, ...]] = {
    "native": ("call", "sample_step", "input", "event", "far_event", "neuron", "trace", "page"),
    "jax": ("call", "layer_step", "input", "mac", "neuron", "trace", "page"),
    "emulator": (
        "call",
        "layer_step",
        "input",
        "product",
        "weight",
        "far_weight",
        "neuron",
        "trace",
        "page",
    ),
}
"""Executor -> the counts that it pays for."""

_LANES = 16
"""Native code pads the neurons of a layer to a multiple of this."""

_SIGNALS = 5
"""Of a spiking layer: accumulator, drive, membrane, refractory, spikes."""

_WORD = 8
"""Bytes of a value that is returned: int64."""

_KEPT = 60 << 20
"""Bytes of results whose pages are used again; the C library gives back what a call takes beyond 64 MiB."""

_FAR = 8 << 20
"""Weights of a layer from which on caches and address translation (2048 pages of 4 KiB) do not reach all."""

_BLOCK = 2 << 20
"""Weights that the emulator converts at once, to float32."""

_PIECE = 4 << 20
"""Most bytes of input that JAX takes at once."""

_ROUNDS = 200


def counts(shape: Shape) -> dict[str, float]:
    """How often each thing of `TERMS` is done.

    `call`: once. `layer_step`: a step of a layer, whatever the batch. `sample_step`: a step of a layer of one
    sample. `input`: a value that a layer reads. `event`: a weight added for an active input. `mac`: a weight
    multiplied with an input, active or not. `product`: the same, also again where the input has not changed.
    `weight`: a weight read at a step, whatever the batch. `far_event`, `far_weight`: those of layers of many
    weights, once more. `neuron`: an update of a neuron. `trace`: a byte of what is returned. `page`: the same
    where it is fresh memory.
    """
    frames = shape.steps * shape.batch
    layers = list(pairwise(shape.widths))
    weights = [inputs * neurons for inputs, neurons in layers]
    changing = [shape.batch if shape.constant else frames, *[frames] * (len(layers) - 1)]
    rates = [shape.density, *[shape.hidden] * (len(layers) - 1)]
    events = [
        times * inputs * rate * _padded(neurons)
        for times, rate, (inputs, neurons) in zip(changing, rates, layers, strict=True)
    ]
    returned = _returned(shape)
    return {
        "call": 1,
        "layer_step": shape.steps * len(layers),
        "sample_step": frames * len(layers),
        "input": frames * sum(inputs for inputs, _ in layers),
        "event": sum(events),
        "far_event": sum(count for count, size in zip(events, weights, strict=True) if size >= _FAR),
        "mac": sum(times * size for times, size in zip(changing, weights, strict=True)),
        "product": frames * sum(weights),
        "weight": shape.steps * sum(weights),
        "far_weight": shape.steps * sum(size for size in weights if size >= _FAR),
        "neuron": frames * sum(shape.widths[1:]),
        "trace": returned,
        "page": returned if returned > _KEPT else 0,
    }


def seconds(shape: Shape, costs: Mapping[str, float]) -> float:
    """CPU seconds of a run; `costs` are seconds for each of an executor's `TERMS`."""
    number = counts(shape)
    return sum(number[term] * cost for term, cost in costs.items())


def fit(runs: Mapping[str, Shape], measured: Mapping[str, float]) -> dict[str, float]:
    """The cost of each term from a run that is mostly made of it.

    What the other terms take in that run is subtracted, round after round until nothing moves. A cost is
    never negative.

    Args:
        runs: term -> its run.
        measured: term -> CPU seconds of its run; the terms of one executor.
    """
    number = {term: counts(runs[term]) for term in measured}
    costs = dict.fromkeys(measured, 0.0)
    for _ in range(_ROUNDS):
        for term, time in measured.items():
            others = sum(number[term][other] * cost for other, cost in costs.items() if other != term)
            costs[term] = max(time - others, 0.0) / number[term][term]
    return costs


def memory(shape: Shape, executor: str) -> float:
    """Most bytes of NumPy arrays that a run holds beside the program, the executor and its input."""
    inputs = shape.steps * shape.batch * shape.widths[0]
    state = shape.batch * sum(shape.widths[1:]) * _WORD
    largest = max(before * after for before, after in pairwise(shape.widths))
    beside = {
        "native": 4 * state,
        "jax": 4 * state + min(inputs, _PIECE),
        "emulator": max(8 * state + 4 * min(largest, _BLOCK), 16 * state),  # in a product, in an update
    }
    return _returned(shape) + inputs + beside[executor]


def _returned(shape: Shape) -> int:
    values = _SIGNALS * sum(shape.widths[1:]) if shape.traces else shape.widths[-1]
    return shape.steps * shape.batch * values * _WORD


def _padded(neurons: int) -> int:
    return -(-neurons // _LANES) * _LANES
