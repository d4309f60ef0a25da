"""The shape of a network and its untrained weights: what training starts from. NumPy only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .counts import count_of
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
from .encoders import MAX_STEPS, get_encoder
from .exceptions import ParameterError
from .hidden_layers import HiddenLayer
from .texts import Name

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
    hidden: tuple[int | HiddenLayer, ...] = (128,)  # a number is a dense layer of so many neurons
    dt: float = 1.0  # ms
    steps: int = 25
    encoder: Name = "current"
    tau_synapse: float | None = None  # ms; None: the current is not filtered
    tau_readout: float | None = 10.0  # ms; None: a readout without memory
    neuron: NeuronSettings = field(default_factory=NeuronSettings)

    def __post_init__(self) -> None:
        get_encoder(self.encoder)
        for name in ("inputs", "classes", "steps"):
            object.__setattr__(self, name, count_of(name, getattr(self, name)))
        if self.steps > MAX_STEPS:
            raise ParameterError(f"`steps` must be at most {MAX_STEPS}, not {self.steps}")
        if not self.hidden:
            raise ParameterError("`hidden` must be one or more layers, and there is none")
        for layer in self.hidden:
            _as_layer(layer)
        for name, time in (
            ("dt", self.dt),
            ("tau_synapse", self.tau_synapse),
            ("tau_readout", self.tau_readout),
        ):
            if time is not None and not 0 < time < math.inf:
                raise ParameterError(f"`{name}` must be a time above 0 ms, not {time:g} ms")

    @property
    def layers(self) -> tuple[HiddenLayer, ...]:
        """The hidden layers."""
        return tuple(_as_layer(layer) for layer in self.hidden)


def _as_layer(layer: int | HiddenLayer) -> HiddenLayer:
    return layer if isinstance(layer, HiddenLayer) else HiddenLayer(layer)


def initial_scales(architecture: Architecture) -> dict[str, float]:
    """Natural size of each layer's weights times sqrt(fan-in), by parameter: mA for hidden layers, else 1.

    Weights start at `scale / sqrt(fan_in)` and an optimizer step is measured in it, so that one learning
    rate serves layers whose weights differ by their unit.
    """
    a = architecture
    scales: dict[str, float] = {}
    power = _INPUT_POWER
    for index, layer in enumerate(a.layers):
        first = _DRIVE_MV * _current_per_drive(a) / math.sqrt(power)
        scales |= {f"hidden{index}.{part}": first for part in ("weight", "bias")}
        power = _SPIKE_POWER
        if layer.recurrent:
            back = _RECURRENT_SHARE * _DRIVE_MV * _current_per_drive(a) / math.sqrt(power)
            scales[f"hidden{index}.{numbered('weight', 1)}"] = back
    return scales | {f"readout.{part}": _READOUT_SCALE for part in ("weight", "bias")}


def _current_per_drive(architecture: Architecture) -> float:
    """Milliamperes into the synapse that hold the membrane drive R * I at 1 mV."""
    a = architecture
    share_added = 1.0 if a.tau_synapse is None else 1 - math.exp(-a.dt / a.tau_synapse)
    return share_added / a.neuron.R


def initial_description(architecture: Architecture, seed: int = 0) -> Description:
    """The untrained network: normal weights, a constant bias drive; the same for the same seed."""
    a = architecture
    random = np.random.default_rng([seed, 0])
    scales = initial_scales(a)

    def feed(layer: str, index: int, source: str, shape: tuple[int, int]) -> FeedDescription:
        scale = scales[f"{layer}.{numbered('weight', index)}"]
        return FeedDescription(source, random.normal(0, scale / math.sqrt(shape[0]), shape))

    layers: list[LayerDescription] = []
    source, width = INPUT, a.inputs
    for number, layer in enumerate(a.layers):
        name = f"hidden{number}"
        feeds = [feed(name, 0, source, (width, layer.units))]
        if layer.recurrent:
            back = feed(name, 1, name, (layer.units, layer.units))
            feeds.append(replace(back, delay=np.array([layer.delay])))
        layers.append(_spiking(a, name, layer, feeds))
        source, width = name, layer.units
    layers.append(
        ReadoutDescription(
            name="readout",
            feeds=(feed("readout", 0, source, (width, a.classes)),),
            bias=np.zeros(a.classes),
            tau=_repeat(a.tau_readout, a.classes),
        )
    )
    return Description(a.dt * _MILLI, a.inputs, tuple(layers), a.encoder, a.steps)


def _spiking(
    architecture: Architecture, name: str, layer: HiddenLayer, feeds: list[FeedDescription]
) -> SpikingDescription:
    """A hidden layer; the weights of `feeds` are in mA."""
    a = architecture
    neuron = a.neuron if layer.tau is None else replace(a.neuron, tau=layer.tau)
    return SpikingDescription(
        name=name,
        feeds=tuple(replace(feed, weight=feed.weight * _MILLI) for feed in feeds),
        bias=np.full(layer.units, _DRIVE_BIAS_MV * _current_per_drive(a) * _MILLI),
        tau_synapse=_repeat(a.tau_synapse, layer.units),
        neuron=_neuron_parameters(neuron, layer.units),
    )


def _repeat(time_ms: float | None, neurons: int) -> NDArray[np.float64] | None:
    return None if time_ms is None else np.full(neurons, time_ms * _MILLI)


def _neuron_parameters(settings: NeuronSettings, neurons: int) -> NeuronParameters:
    s = settings
    milli = (s.tau, s.tau_ref, s.V_th, s.V_reset, s.V_rest, s.V_T, s.delta_T, s.V_initial)
    return NeuronParameters(np.full(neurons, s.R), *[np.full(neurons, value * _MILLI) for value in milli])
