"""Small float networks, inputs and profiles for the tests of lowering and deployment."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import (
    INPUT,
    AdExParameters,
    AnyNeuron,
    Description,
    FeedDescription,
    LayerDescription,
    LIFParameters,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.neurons.parameters import Reset
from hw_profiles import Profile, load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import LoweringOptions, lower
from quantize.program.program import Program

__all__ = ["POPULATIONS", "lowered", "network", "neurons", "own_profile", "replace_layer", "spike_input"]

DT = 1e-3
"""Step in seconds."""


def neurons(count: int, **changes: Any) -> NeuronParameters:
    """`count` neurons: the defaults of ExpIFRef in SI units, with resistance 1 ohm and start at rest."""
    return NeuronParameters(**_vectors(count, _MEMBRANE | _EXPONENTIAL | changes))


def adaptive_neurons(count: int, **changes: Any) -> AdExParameters:
    """`count` AdExIFRef neurons: as `neurons`, with an adaptation that matters."""
    adaptation = {"a": 0.3, "b": 1.5e-3, "tau_w": 30e-3, "w_initial": 0.5e-3}
    return AdExParameters(**_vectors(count, _MEMBRANE | _EXPONENTIAL | adaptation | changes))


def leaky_neurons(count: int, reset: Reset = "assigned", **changes: Any) -> LIFParameters:
    """`count` LIFRef neurons with the leak of `neurons` and a threshold 13 mV above rest."""
    return LIFParameters(**_vectors(count, _MEMBRANE | {"v_th": -52e-3} | changes), reset=reset)


POPULATIONS: dict[str, Callable[..., AnyNeuron]] = {
    "expif": neurons,
    "adexif": adaptive_neurons,
    "lif": leaky_neurons,
    "lif_subtracted": partial(leaky_neurons, reset="subtracted"),
}
"""Neurons of each model."""

_MEMBRANE = {
    "resistance": 1.0,
    "tau": 10e-3,
    "tau_ref": 1.7e-3,
    "v_th": -30e-3,
    "v_reset": -68e-3,
    "v_rest": -65e-3,
    "v_initial": -65e-3,
}
_EXPONENTIAL = {"v_t": -59.9e-3, "delta_t": 3.48e-3}


def _vectors(count: int, values: dict[str, Any]) -> dict[str, NDArray[np.float64]]:
    return {name: np.broadcast_to(np.array(value, float), count).copy() for name, value in values.items()}


def network(
    sizes: Sequence[int] = (12, 10, 3),
    *,
    seed: int = 0,
    encoder: str = "rate",
    tau_synapse: float | None = 5e-3,
    tau_readout: float | None = 20e-3,
    readout: bool = True,
    lags: Sequence[int] = (),
    model: str = "expif",
    **parameters: Any,
) -> Description:
    """Random layers of `sizes`; weights are drawn so that about half of the neurons spike now and then.

    With `lags` every spiking layer feeds itself too, each of its neurons as many steps later as one of them.
    """
    rng = np.random.default_rng(seed)
    layers: list[LayerDescription] = []
    source = INPUT
    for index, (inputs, width) in enumerate(pairwise(sizes)):
        last = index == len(sizes) - 2
        if last and readout:
            tau = None if tau_readout is None else np.full(width, tau_readout)
            weight = rng.normal(0, 1, (inputs, width))
            fed = (FeedDescription(source, weight),)
            layers.append(ReadoutDescription("readout", fed, rng.normal(0, 0.1, width), tau))
            continue
        reach = 60e-3 if tau_synapse is None else 14e-3
        weight = rng.normal(reach / 12, reach / 2, (inputs, width)) / np.sqrt(inputs)
        tau_s = None if tau_synapse is None else np.full(width, tau_synapse)
        bias = np.full(width, 1e-3)
        feeds: tuple[FeedDescription, ...] = (FeedDescription(source, weight),)
        source = f"layer{index}"
        if lags:
            own = rng.normal(0, reach / 2, (width, width)) / np.sqrt(width)
            feeds += (FeedDescription(source, own, np.resize(lags, width).astype(np.int64)),)
        layers.append(SpikingDescription(source, feeds, bias, tau_s, POPULATIONS[model](width, **parameters)))
    return Description(DT, sizes[0], tuple(layers), encoder, 25)


def replace_layer(description: Description, index: int, **changes: Any) -> Description:
    """`description` with fields of one layer replaced; `weight` is that of its first feed."""
    layers = list(description.layers)
    if "weight" in changes:
        first, *others = layers[index].feeds
        changes["feeds"] = (replace(first, weight=changes.pop("weight")), *others)
    layers[index] = replace(layers[index], **changes)
    return replace(description, layers=tuple(layers))


def renamed(description: Description, *names: str) -> Description:
    """`description` with layers that are called `names`, in their order."""
    now = dict(zip((layer.name for layer in description.layers), names, strict=True))
    layers = tuple(
        replace(
            layer,
            name=now[layer.name],
            feeds=tuple(replace(feed, source=now.get(feed.source, feed.source)) for feed in layer.feeds),
        )
        for layer in description.layers
    )
    return replace(description, layers=layers)


def spike_input(
    description: Description, *, steps: int = 40, batch: int = 8, seed: int = 0
) -> NDArray[np.uint8]:
    """Spikes at a rate of 0.4 per step, or 8-bit currents, uint8 `[steps, batch, inputs]`."""
    rng = np.random.default_rng(seed)
    shape = (steps, batch, description.inputs)
    if description.encoder == "current":
        return np.broadcast_to(rng.integers(0, 256, shape[1:]), shape).astype(np.uint8)
    return (rng.random(shape) < 0.4).astype(np.uint8)


def lowered(
    description: Description, profile: Profile | str = "generic-16bit", options: LoweringOptions | None = None
) -> Program:
    """`description` lowered with a calibration on `spike_input(description)`."""
    device = load_profile(profile) if isinstance(profile, str) else profile
    return lower(description, calibrate(description, [spike_input(description)]), device, options)


def own_profile(folder: Path, name: str = "generic-16bit", **changes: Any) -> Profile:
    """A user's profile file: a built-in one with limits (`cores=4`) or widths (`input_bits=6`) changed."""
    document = load_profile(name).document
    document["name"] = "own-device"
    for key, value in changes.items():
        if key in document["capacity"]:
            document["capacity"][key] |= {"value": value, "source": "choice", "confidence": "chosen"}
        else:
            document["arithmetic"][key] = value
    path = folder / "own-device.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return load_profile(path)
