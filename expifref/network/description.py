"""What crosses from the float world to the integers: a trained network as plain arrays in SI units.

No JAX, no units objects, no closures. `units` is the width of a layer.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from expifref.connections.blocks import product
from expifref.connections.convolve import convolved
from expifref.connections.windows import Window
from expifref.neurons.parameters import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters

__all__ = [
    "INPUT",
    "MAX_DELAY",
    "AdExParameters",
    "AnyNeuron",
    "Description",
    "FeedDescription",
    "LIFParameters",
    "LayerDescription",
    "NeuronParameters",
    "ReadoutDescription",
    "SpikingDescription",
    "free_name",
    "numbered",
    "placed",
]

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]

INPUT = "input"
"""What a feed calls the input of the network."""

MAX_DELAY = 1023
"""Steps: what a source keeps grows with them."""


@dataclass(frozen=True)
class FeedDescription:
    """Values of `source`, `delay` steps old, times `weight`: spikes as 0 or 1, of a readout its value."""

    source: str  # a layer, also this one or a later one, or `input`
    weight: Floats
    """`[source units, units]`, of a convolution the kernel `[rows, outputs]`; per unit of the source: A
    before neurons, else without a unit."""
    delay: Steps = field(default_factory=lambda: np.zeros(1, np.int64))
    """Steps, `[1]` or `[source units]`; at least 1 where the source is not an earlier layer."""
    window: Window | None = None
    """Of a convolution."""

    @property
    def longest(self) -> int:
        """The largest delay."""
        return int(self.delay.max())

    @property
    def sources(self) -> int:
        """Number of source units."""
        return len(self.weight) if self.window is None else self.window.sources

    @property
    def units(self) -> int:
        """Number of units that it feeds."""
        return int((self.weight.shape or (0,))[-1]) if self.window is None else self.window.units

    @cached_property
    def matrix(self) -> Floats:
        """What each source unit adds to each unit, `[source units, units]`."""
        if self.window is None:
            return self.weight
        matrix: Floats = self.window.expand(self.weight)
        return matrix

    def weighted(self, values: Floats) -> Floats:
        """The sums over what it sees, `values` `[batch, source units]`, for every unit, `[batch, units]`."""
        if self.window is None:
            return product(values, self.weight, np.float64)
        return convolved(self.window, values, self.weight, np.float64)


def numbered(name: str, index: int) -> str:
    """What belongs to feed number `index`: the first one's has no number."""
    return name if index == 0 else f"{name}{index}"


def free_name(name: str, taken: Container[str]) -> str:
    """`name`, or that with the lowest number behind it that is not in `taken`."""
    return next(one for one in (numbered(name, index) for index in count()) if one not in taken)


def placed(name: str, path: str) -> str:
    """What messages call something of this name, where `path` leads to it in the module it was read from."""
    return f"`{name}` (`{path}`)" if path else f"`{name}`"


@dataclass(frozen=True)
class _FedDescription:
    """What every layer has: the sum of all feeds and a bias."""

    name: str
    feeds: tuple[FeedDescription, ...]
    bias: Floats  # [units], in what the weights of the feeds give
    path: str = field(default="", compare=False, kw_only=True)
    """Where it is in the module that it was read from; empty for none."""

    def called(self, part: str = "") -> str:
        """What messages call it or a part of it, such as "`layer0.tau` (`net.lif`)"."""
        return placed(f"{self.name}.{part}" if part else self.name, self.path)

    @property
    def units(self) -> int:
        """Its width."""
        return self.feeds[0].units

    @property
    def weights(self) -> int:
        """Number of weights in the matrices of its feeds."""
        return sum(feed.sources * feed.units for feed in self.feeds)

    @property
    def trained(self) -> dict[str, Floats]:
        """What training changes, by its name in files; a bias `[outputs]` where all places share it."""
        weights = {numbered("weight", index): feed.weight for index, feed in enumerate(self.feeds)}
        window = self.feeds[0].window
        shared = None if window is None else window.by_channel(self.bias)
        return weights | {"bias": self.bias if shared is None else shared}

    @property
    def filter_tau(self) -> Floats | None:
        """What `tau` is called in files."""
        raise NotImplementedError  # every kind says its own

    @property
    def vectors(self) -> dict[str, Floats]:
        """All that has one value per unit, `[units]`, by its name in files."""
        return {"bias": self.bias} | ({} if self.filter_tau is None else {"tau": self.filter_tau})


@dataclass(frozen=True)
class SpikingDescription(_FedDescription):
    """The sum of all feeds and the bias (A) -> optional exponential synapse -> neurons."""

    tau_synapse: Floats | None  # s, [units]; None when the current is not filtered
    neuron: AnyNeuron

    kind: ClassVar[Literal["spiking"]] = "spiking"
    tau_name: ClassVar[str] = "tau_synapse"

    @property
    def neurons(self) -> tuple[AnyNeuron, ...]:
        """Its population."""
        return (self.neuron,)

    @property
    def filter_tau(self) -> Floats | None:
        return self.tau_synapse

    @property
    def vectors(self) -> dict[str, Floats]:
        neuron = {f"neuron.{name}": values for name, values in self.neuron.vectors.items()}
        return super().vectors | neuron


@dataclass(frozen=True)
class ReadoutDescription(_FedDescription):
    """The sum of all feeds and the bias (no unit) -> leaky integrator `y' = exp(-dt / tau) y + W s + b`."""

    tau: Floats | None  # s, [units]; None for a readout without memory, y = W s + b

    kind: ClassVar[Literal["readout"]] = "readout"
    tau_name: ClassVar[str] = "tau"

    @property
    def neurons(self) -> tuple[AnyNeuron, ...]:
        """None: nothing spikes here."""
        return ()

    @property
    def filter_tau(self) -> Floats | None:
        return self.tau


LayerDescription = SpikingDescription | ReadoutDescription


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
    encoder: str  # of `expifref.encoders.ENCODERS`: the one used in training
    steps: int  # time steps per sample used in training

    @property
    def units(self) -> dict[str, int]:
        """Number of values of each source."""
        return {INPUT: self.inputs, **{layer.name: layer.units for layer in self.layers}}

    @property
    def weights(self) -> int:
        """Number of weights in the matrices of all feeds."""
        return sum(layer.weights for layer in self.layers)

    @property
    def has_kernels(self) -> bool:
        """Whether a feed is a convolution."""
        return any(feed.window is not None for layer in self.layers for feed in layer.feeds)

    @property
    def is_chain(self) -> bool:
        """Whether each layer is fed by the one before alone, in the same step."""
        sources = [INPUT, *(layer.name for layer in self.layers)]
        wired = [[(feed.source, feed.longest) for feed in layer.feeds] for layer in self.layers]
        return wired == [[(source, 0)] for source in sources[:-1]]

    @property
    def histories(self) -> dict[str, int]:
        """How many steps back each source is read, where it is: source -> steps."""
        longest: dict[str, int] = {}
        for feed in (feed for layer in self.layers for feed in layer.feeds):
            longest[feed.source] = max(longest.get(feed.source, 0), feed.longest)
        return {source: steps for source, steps in longest.items() if steps}
