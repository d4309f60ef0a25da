"""What crosses from the float world to the integers: a trained network as plain arrays in SI units.

No JAX, no units objects, no closures. Shapes: `inputs`, `neurons` and `classes` are the layer widths.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, is_dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from .blocks import row_blocks

__all__ = [
    "Description",
    "LayerDescription",
    "NeuronParameters",
    "ReadoutDescription",
    "SpikingDescription",
    "description_digest",
]

Floats = NDArray[np.float64]


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
class SpikingDescription:
    """Linear layer -> optional exponential synapse -> ExpIFRef."""

    name: str
    weight: Floats  # A per unit input, [inputs, neurons]
    bias: Floats  # A, [neurons]
    tau_synapse: Floats | None  # s, [neurons]; None when the current is not filtered
    neuron: NeuronParameters

    kind: ClassVar[Literal["spiking"]] = "spiking"
    tau_name: ClassVar[str] = "tau_synapse"

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
        """All that has one value per neuron, `[neurons]`, by its name in files."""
        neuron = {f"neuron.{part.name}": getattr(self.neuron, part.name) for part in fields(self.neuron)}
        return _vectors(self) | neuron


@dataclass(frozen=True)
class ReadoutDescription:
    """Linear layer -> leaky integrator `y' = exp(-dt / tau) y + W s + b`."""

    name: str
    weight: Floats  # dimensionless, [inputs, classes]
    bias: Floats  # [classes]
    tau: Floats | None  # s, [classes]; None for a readout without memory, y = W s + b

    kind: ClassVar[Literal["readout"]] = "readout"
    tau_name: ClassVar[str] = "tau"

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
        """All that has one value per class, `[classes]`, by its name in files."""
        return _vectors(self)


LayerDescription = SpikingDescription | ReadoutDescription


def _vectors(layer: LayerDescription) -> dict[str, Floats]:
    return {"bias": layer.bias} | ({} if layer.filter_tau is None else {"tau": layer.filter_tau})


@dataclass(frozen=True)
class Description:
    """A feed-forward network, its step and how it was meant to be fed.

    Within one step a spike passes through all layers. The prediction is the class with the largest sum
    over all steps of the last layer's output (readout value, or spikes when the last layer spikes).
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
