"""What crosses from the float world to the integers: a trained network as plain arrays in SI units.

No JAX, no units objects, no closures. `units` is the width of a layer.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, is_dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .blocks import row_blocks

__all__ = [
    "INPUT",
    "Description",
    "FeedDescription",
    "LayerDescription",
    "NeuronParameters",
    "ReadoutDescription",
    "SpikingDescription",
    "description_digest",
    "numbered",
]

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

INPUT = "input"
"""What a feed calls the input of the network."""


@dataclass(frozen=True)
class NeuronParameters:
    """Per-neuron ExpIFRef parameters, each float64 `[neurons]`, in SI units."""

    resistance: Floats  # ohm
    tau: Floats  # s
    tau_ref: Floats  # s
    v_th: Floats  # V
    v_reset: Floats  # V
    v_rest: Floats  # V
    v_t: Floats  # V
    delta_t: Floats  # V
    v_initial: Floats  # V, membrane potential before the first step


@dataclass(frozen=True)
class FeedDescription:
    """Values of `source`, `delay` steps old, times `weight`: spikes as 0 or 1, of a readout its value."""

    source: str  # a layer, also this one or a later one, or `input`
    weight: Floats  # [source units, units], per unit of the source: A before neurons, else without a unit
    delay: Steps = field(default_factory=lambda: np.zeros(1, np.int64))
    """Steps, `[1]` or `[source units]`; at least 1 where the source is not an earlier layer."""


def numbered(name: str, index: int) -> str:
    """What belongs to feed number `index`: the first one's has no number."""
    return name if index == 0 else f"{name}{index}"


@dataclass(frozen=True)
class SpikingDescription:
    """The sum of all feeds and the bias -> optional exponential synapse -> neurons."""

    name: str
    feeds: tuple[FeedDescription, ...]
    bias: Floats  # A, [units]
    tau_synapse: Floats | None  # s, [units]; None when the current is not filtered
    neuron: NeuronParameters

    kind: ClassVar[Literal["spiking"]] = "spiking"
    tau_name: ClassVar[str] = "tau_synapse"

    @property
    def units(self) -> int:
        """Its width."""
        return len(self.bias)

    @property
    def neurons(self) -> tuple[NeuronParameters, ...]:
        """Its population."""
        return (self.neuron,)

    @property
    def filter_tau(self) -> Floats | None:
        """What `tau` is called in files."""
        return self.tau_synapse

    @property
    def vectors(self) -> dict[str, Floats]:
        """All that has one value per neuron, `[units]`, by its name in files."""
        neuron = {f"neuron.{part.name}": getattr(self.neuron, part.name) for part in fields(self.neuron)}
        return _vectors(self) | neuron


@dataclass(frozen=True)
class ReadoutDescription:
    """The sum of all feeds and the bias -> leaky integrator `y' = exp(-dt / tau) y + W s + b`."""

    name: str
    feeds: tuple[FeedDescription, ...]
    bias: Floats  # [units]
    tau: Floats | None  # s, [units]; None for a readout without memory, y = W s + b

    kind: ClassVar[Literal["readout"]] = "readout"
    tau_name: ClassVar[str] = "tau"

    @property
    def units(self) -> int:
        """Its width."""
        return len(self.bias)

    @property
    def neurons(self) -> tuple[NeuronParameters, ...]:
        """None: nothing spikes here."""
        return ()

    @property
    def filter_tau(self) -> Floats | None:
        """What `tau` is called in files."""
        return self.tau

    @property
    def vectors(self) -> dict[str, Floats]:
        """All that has one value per unit, `[units]`, by its name in files."""
        return _vectors(self)


LayerDescription = SpikingDescription | ReadoutDescription


def _vectors(layer: LayerDescription) -> dict[str, Floats]:
    return {"bias": layer.bias} | ({} if layer.filter_tau is None else {"tau": layer.filter_tau})


@dataclass(frozen=True)
class Description:
    """A network, its step and how it was meant to be fed.

    A step runs the layers in their order, so a feed without delay sees what an earlier layer did in the same
    step. Of the last layer comes the output: the prediction is the class with the largest sum over all steps
    of its readout values, or of its spikes.
    """

    dt: float  # s
    inputs: int
    layers: tuple[LayerDescription, ...]
    encoder: str  # "rate", "latency" or "current": the spike encoder used in training
    steps: int  # time steps per sample used in training


def description_digest(description: Description) -> str:
    """SHA-256 (hex) of everything in `description`: names, shapes and float64 bytes, field by field."""
    state = hashlib.sha256()

    def feed(value: object) -> None:
        if isinstance(value, np.ndarray):
            feed(f"{value.shape}")
            for _, rows in row_blocks(value):
                state.update(np.ascontiguousarray(rows, "<f8").tobytes())
        elif is_dataclass(value):
            for part in fields(value):
                feed(part.name)
                feed(getattr(value, part.name))
        elif isinstance(value, tuple):
            for item in value:
                feed(item)
        else:
            state.update(f"{value!r};".encode())

    feed(description)
    return state.hexdigest()
