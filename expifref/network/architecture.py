"""The shape of a network and its untrained weights: what training starts from. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import Window
from expifref.counts import count_of
from expifref.encoders import MAX_STEPS, get_encoder
from expifref.exceptions import ParameterError
from expifref.files.texts import Name

from .description import (
    INPUT,
    Description,
    FeedDescription,
    LayerDescription,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
    numbered,
)
from .hidden_layers import AnyLayer, HiddenLayer, PoolLayer
from .planes import Over, Shape, planned
from .pooling import pooling

__all__ = ["Architecture", "NeuronSettings", "initial_description", "initial_scales"]

# Chosen by measurement (docs/training.md): the drive that lets a neuron of the default parameters fire
# at 50..150 Hz within 25 steps of 1 ms, and input and spike powers of the data sets that come along.
_DRIVE_MV = 40.0
_DRIVE_BIAS_MV = 10.0
_INPUT_POWER = 0.2
_SPIKE_POWER = 0.08
_READOUT_SCALE = 0.5
_RECURRENT_SHARE = 0.5  # of the drive of the layer before

_MILLI = 1e-3


@dataclass(frozen=True)
class NeuronSettings:
    """ExpIFRef parameters shared by all hidden neurons, in the units people type."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    R: float = 1.0  # ohm
    tau: float = 10.0  # ms
    tau_ref: float = 1.7  # ms
    V_th: float = -30.0  # mV
    V_reset: float = -68.0  # mV
    V_rest: float = -65.0  # mV
    V_T: float = -59.9  # mV
    delta_T: float = 3.48  # noqa: N815  # mV; the name of the parameter of ExpIFRef
    V_initial: float = -65.0  # mV

    def __post_init__(self) -> None:
        for part in fields(self):
            if not math.isfinite(getattr(self, part.name)):
                raise ParameterError(f"`{part.name}` must be finite, not {getattr(self, part.name)}")
        for name, unit in (("R", "ohm"), ("tau", "ms"), ("delta_T", "mV")):
            if getattr(self, name) <= 0:
                raise ParameterError(f"`{name}` must be above 0 {unit}, not {getattr(self, name):g} {unit}")
        if self.tau_ref < 0:
            raise ParameterError(f"`tau_ref` must be at least 0 ms, not {self.tau_ref:g} ms")
        for name in ("V_reset", "V_T", "V_initial"):
            if getattr(self, name) >= self.V_th:
                raise ParameterError(
                    f"`{name}` must be below `V_th` ({self.V_th:g} mV), not {getattr(self, name):g} mV"
                )


@dataclass(frozen=True)
class Architecture:
    """Linear -> optional exponential synapse -> ExpIFRef per hidden layer, then Linear -> leaky readout.

    A recurrent layer has a second Linear, from its own earlier spikes.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    inputs: int
    classes: int
    hidden: tuple[int | AnyLayer, ...] = (128,)  # a number is a dense layer of so many neurons
    dt: float = 1.0  # ms
    steps: int = 25
    encoder: Name = "current"
    tau_synapse: float | None = None  # ms; None: the current is not filtered
    tau_readout: float | None = 10.0  # ms; None: a readout without memory
    neuron: NeuronSettings = field(default_factory=NeuronSettings)
    image: Shape | None = None  # what the inputs are, where that is known

    def __post_init__(self) -> None:
        get_encoder(self.encoder)
        for name in ("inputs", "classes", "steps"):
            object.__setattr__(self, name, count_of(name, getattr(self, name)))
        if self.steps > MAX_STEPS:
            raise ParameterError(f"`steps` must be at most {MAX_STEPS}, not {self.steps}")
        if not self.hidden:
            raise ParameterError("`hidden` must be one or more layers, and there is none")
        if self.image is not None and math.prod(self.image) != self.inputs:
            raise ParameterError(f"`image` must have {self.inputs} values, not {list(self.image)}")
        planned(self.image, self.layers)
        if all(isinstance(layer, PoolLayer) for layer in self.layers):
            raise ParameterError("`hidden` must have a layer of neurons, and has poolings alone")
        for name, time in (
            ("dt", self.dt),
            ("tau_synapse", self.tau_synapse),
            ("tau_readout", self.tau_readout),
        ):
            if time is not None and not 0 < time < math.inf:
                raise ParameterError(f"`{name}` must be a time above 0 ms, not {time:g} ms")

    @property
    def layers(self) -> tuple[AnyLayer, ...]:
        """The hidden layers."""
        return tuple(HiddenLayer(layer) if isinstance(layer, int) else layer for layer in self.hidden)


def initial_scales(architecture: Architecture) -> dict[str, float]:
    """Natural size of each layer's weights times sqrt(fan-in), by parameter: mA for hidden layers, else 1.

    Weights start at `scale / sqrt(fan_in)` and an optimizer step is measured in it, so that one learning
    rate serves layers whose weights differ by their unit.
    """
    a = architecture
    scales: dict[str, float] = {}
    power = _INPUT_POWER
    neurons = [layer for layer in a.layers if not isinstance(layer, PoolLayer)]
    for index, layer in enumerate(neurons):
        first = _DRIVE_MV * _current_per_drive(a) / math.sqrt(power)
        scales |= {f"layer{index}.{part}": first for part in ("weight", "bias")}
        power = _SPIKE_POWER
        if isinstance(layer, HiddenLayer) and layer.recurrent:
            back = _RECURRENT_SHARE * _DRIVE_MV * _current_per_drive(a) / math.sqrt(power)
            scales[f"layer{index}.{numbered('weight', 1)}"] = back
    return scales | {f"readout.{part}": _READOUT_SCALE for part in ("weight", "bias")}


def _current_per_drive(architecture: Architecture) -> float:
    """Milliamperes into the synapse that hold the membrane drive R * I at 1 mV."""
    a = architecture
    share_added = 1.0 if a.tau_synapse is None else 1 - math.exp(-a.dt / a.tau_synapse)
    return share_added / a.neuron.R


def initial_description(architecture: Architecture, seed: int = 0) -> Description:
    """The untrained network: normal weights, a constant bias drive; the same for the same seed.

    Poolings are layers of their own, which `expifref.network.pooling.folded` takes out.
    """
    a, drawn = architecture, _Drawn(initial_scales(architecture), np.random.default_rng([seed, 0]))
    layers: list[LayerDescription] = []
    pools = 0
    source, width = INPUT, a.inputs
    for stage in planned(a.image, a.layers):
        name = f"layer{len(layers) - pools}"
        if not isinstance(stage, Over):
            layers.append(_spiking(a, name, stage.tau, drawn.feeds(name, stage, source, width)))
        elif isinstance(stage.layer, PoolLayer):
            layers.append(pooling(f"pool{pools}", source, stage.window))
            pools += 1
        else:
            kernel = drawn.kernel(name, source, stage.window)
            layers.append(_spiking(a, name, stage.layer.tau, (kernel,)))
        source, width = layers[-1].name, layers[-1].units
    layers.append(
        ReadoutDescription(
            name="readout",
            feeds=(drawn.feed("readout", 0, source, (width, a.classes)),),
            bias=np.zeros(a.classes),
            tau=_repeat(a.tau_readout, a.classes),
        )
    )
    return Description(a.dt * _MILLI, a.inputs, tuple(layers), a.encoder, a.steps)


@dataclass(frozen=True)
class _Drawn:
    """Untrained weights."""

    scales: Mapping[str, float]
    random: np.random.Generator

    def feed(self, layer: str, index: int, source: str, shape: tuple[int, int]) -> FeedDescription:
        """Feed number `index` of `layer`, a matrix or a kernel of `shape`."""
        scale = self.scales[f"{layer}.{numbered('weight', index)}"]
        return FeedDescription(source, self.random.normal(0, scale / math.sqrt(shape[0]), shape))

    def feeds(self, name: str, layer: HiddenLayer, source: str, width: int) -> tuple[FeedDescription, ...]:
        """What a layer sees of `source`, and of itself."""
        forward = self.feed(name, 0, source, (width, layer.units))
        if not layer.recurrent:
            return (forward,)
        back = self.feed(name, 1, name, (layer.units, layer.units))
        return forward, replace(back, delay=np.array([layer.delay]))

    def kernel(self, name: str, source: str, window: Window) -> FeedDescription:
        """What a convolution sees."""
        return replace(self.feed(name, 0, source, (window.rows, window.outputs)), window=window)


def _spiking(
    architecture: Architecture, name: str, tau: float | None, feeds: tuple[FeedDescription, ...]
) -> SpikingDescription:
    """A hidden layer; `tau` in ms, the weights of `feeds` in mA."""
    a, units = architecture, feeds[0].units
    neuron = a.neuron if tau is None else replace(a.neuron, tau=tau)
    return SpikingDescription(
        name=name,
        feeds=tuple(replace(feed, weight=feed.weight * _MILLI) for feed in feeds),
        bias=np.full(units, _DRIVE_BIAS_MV * _current_per_drive(a) * _MILLI),
        tau_synapse=_repeat(a.tau_synapse, units),
        neuron=_neuron_parameters(neuron, units),
    )


def _repeat(time_ms: float | None, neurons: int) -> NDArray[np.float64] | None:
    return None if time_ms is None else np.full(neurons, time_ms * _MILLI)


def _neuron_parameters(settings: NeuronSettings, neurons: int) -> NeuronParameters:
    s = settings
    milli = (s.tau, s.tau_ref, s.V_th, s.V_reset, s.V_rest, s.V_T, s.delta_T, s.V_initial)
    return NeuronParameters(np.full(neurons, s.R), *[np.full(neurons, value * _MILLI) for value in milli])
