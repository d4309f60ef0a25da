"""Model files: a network description in safetensors, with its metadata. Read and written without JAX.

Tensors are float64 in SI units, named `<layer>.weight` (of further feeds `<layer>.weight1` and so on),
`<layer>.bias`, `<layer>.tau` (of the synapse or the readout; absent when there is none),
`<layer>.neuron.<parameter>` and, where a feed has delays, `<layer>.delay` (`delay1`, ...) in whole steps;
large ones stay in the file until they are looked at. The metadata hold the format and its version, dt in
seconds, encoder, steps, decision, the kinds of the layers and their feeds (none stated: one from the layer
before, or from the input, whose weights are a dense matrix; of a convolution `weight` is the kernel), and,
for networks trained here, their architecture, metrics and environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from expifref.connections.windows import Window
from expifref.exceptions import FileFormatError
from expifref.files.documents import parse, written
from expifref.files.limits import MODEL
from expifref.files.tensors import read_tensors, write_tensors
from expifref.files.texts import Name, Place

from .architecture import Architecture
from .checks import check_description
from .decision import SUM, check_rule
from .description import (
    INPUT,
    MAX_DELAY,
    AdExParameters,
    Description,
    FeedDescription,
    LayerDescription,
    LIFParameters,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
    numbered,
)
from .environment import Environment

if TYPE_CHECKING:
    from .modules import SpikingNetwork

__all__ = [
    "FeedEntry",
    "LayerEntry",
    "ModelDocument",
    "ModelFile",
    "load_model",
    "read_description",
    "read_model",
    "save_description",
    "save_model",
]

_FORMAT = "expifref-model"
_VERSION: Literal[1] = 1

_NEURONS: dict[str, tuple[type, dict[str, str]]] = {
    "spiking": (NeuronParameters, {}),
    "adexif": (AdExParameters, {}),
    "lif": (LIFParameters, {"reset": "assigned"}),
    "lif_subtracted": (LIFParameters, {"reset": "subtracted"}),
}
"""The kind that a file says of a spiking layer: the class of its neurons and what of them is no tensor."""

Tensors = dict[str, NDArray[np.float64]]

_CLOSED = {"extra": "forbid", "strict": True}


@dataclass(frozen=True)
class FeedEntry:
    """What the metadata say of a feed; its numbers are tensors."""

    __pydantic_config__: ClassVar = _CLOSED

    source: Name
    delayed: bool = False
    window: Window | None = None


@dataclass(frozen=True)
class LayerEntry:
    """What the metadata say of a layer; its numbers are tensors."""

    __pydantic_config__: ClassVar = _CLOSED

    name: Name
    kind: Literal["spiking", "adexif", "lif", "lif_subtracted", "readout"]
    filtered: bool
    feeds: tuple[FeedEntry, ...] = ()  # none: one from the layer before, or from the input, without delay
    path: Place = ""  # in the module it was read from; absent before it was recorded


@dataclass(frozen=True, kw_only=True)
class ModelDocument:
    """The metadata."""

    __pydantic_config__: ClassVar = _CLOSED

    version: Literal[1] = _VERSION
    units: Literal["SI"] = "SI"
    dt: float  # s
    inputs: int
    encoder: Name
    steps: int
    layers: tuple[LayerEntry, ...]
    architecture: Architecture | None
    metrics: dict[Name, float]
    environments: tuple[dict[Name, Name], ...] = ()  # absent before they were recorded
    decision: Name = SUM  # absent where there was one rule only


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds."""

    description: Description
    architecture: Architecture | None = None  # None for a network that was built elsewhere
    metrics: Mapping[str, float] = field(default_factory=dict)
    environments: tuple[Environment, ...] = ()
    """It was trained in, one after the other; () where not recorded."""
    decision: str = SUM  # the rule by which its output was trained to become a class


def save_model(path: Path, model: ModelFile) -> None:
    """Write `model` to `path`, whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
        ParameterError: the description breaks its rules (the message names the layer).
    """
    check_description(model.description)
    d = model.description
    document = ModelDocument(
        dt=d.dt,
        inputs=d.inputs,
        encoder=d.encoder,
        steps=d.steps,
        layers=tuple(_entry(layer, _is_plain(d)) for layer in d.layers),
        architecture=model.architecture,
        metrics=dict(model.metrics),
        environments=tuple(dict(environment) for environment in model.environments),
        decision=check_rule(model.decision),
    )
    tensors = {name: value for layer in d.layers for name, value in _layer_tensors(layer).items()}
    write_tensors(path, tensors, _FORMAT, written(ModelDocument, document, f"`{path}`"))


def save_description(path: Path, description: Description) -> None:
    """Write a description, for example that of a network of your own, as a model file."""
    save_model(path, ModelFile(description))


def read_description(path: Path) -> Description:
    """The network in the model file at `path`; errors as `read_model`."""
    return read_model(path).description


def read_model(path: Path) -> ModelFile:
    """Read a model file, without JAX.

    Raises:
        FileFormatError: the file is missing, truncated, foreign, or of another version.
        ParameterError: a weight or parameter is NaN, infinite or out of its range.
    """
    tensors, values = read_tensors(path, _FORMAT, _VERSION, MODEL)
    document = parse(ModelDocument, values, f"`{path}`")
    description = _described(document, tensors)
    check_description(description)
    return ModelFile(
        description,
        document.architecture,
        document.metrics,
        document.environments,
        check_rule(document.decision),
    )


def load_model(path: Path) -> SpikingNetwork:
    """The network in the model file at `path` as a brainstate module; errors as `read_model`."""
    from .modules import SpikingNetwork

    return SpikingNetwork(read_description(path))


def _is_plain(description: Description) -> bool:
    """Whether the file need not say what feeds what, and how."""
    windows = (feed.window for layer in description.layers for feed in layer.feeds)
    return description.is_chain and all(window is None for window in windows)


def _entry(layer: LayerDescription, plain: bool) -> LayerEntry:
    stated = (FeedEntry(feed.source, feed.longest > 0, feed.window) for feed in layer.feeds)
    feeds = () if plain else tuple(stated)
    return LayerEntry(layer.name, _kind(layer), layer.filter_tau is not None, feeds, layer.path)


def _kind(layer: LayerDescription) -> Any:
    """What a file calls a layer."""
    for neuron in layer.neurons:
        for kind, (cls, options) in _NEURONS.items():
            if type(neuron) is cls and all(getattr(neuron, name) == told for name, told in options.items()):
                return kind
    return layer.kind


def _layer_tensors(layer: LayerDescription) -> Tensors:
    tensors: dict[str, NDArray[Any]] = {**layer.trained, **layer.vectors}
    tensors |= {
        numbered("delay", index): feed.delay for index, feed in enumerate(layer.feeds) if feed.longest
    }
    # safetensors writes the buffer as it lies in memory
    return {f"{layer.name}.{name}": np.asarray(value, "<f8", order="C") for name, value in tensors.items()}


def _described(document: ModelDocument, tensors: dict[str, NDArray[Any]]) -> Description:
    before = [INPUT, *(entry.name for entry in document.layers)]
    layers = tuple(_layer(entry, tensors, before[index]) for index, entry in enumerate(document.layers))
    return Description(document.dt, document.inputs, layers, document.encoder, document.steps)


def _layer(entry: LayerEntry, tensors: dict[str, NDArray[Any]], before: str) -> LayerDescription:
    name = entry.name

    def tensor(part: str) -> NDArray[np.float64]:
        if f"{name}.{part}" not in tensors:
            raise FileFormatError(f"a model file must hold the tensor `{name}.{part}`, which is missing")
        return np.asarray(tensors[f"{name}.{part}"], np.float64)

    def feed(index: int, one: FeedEntry) -> FeedDescription:
        weight = tensor(numbered("weight", index))
        if not one.delayed:
            return FeedDescription(one.source, weight, window=one.window)
        delay = numbered("delay", index)
        return FeedDescription(one.source, weight, _whole(f"{name}.{delay}", tensor(delay)), one.window)

    feeds = tuple(feed(*one) for one in enumerate(entry.feeds or (FeedEntry(before),)))
    tau = tensor("tau") if entry.filtered else None
    if entry.kind == ReadoutDescription.kind:
        return ReadoutDescription(name, feeds, tensor("bias"), tau, path=entry.path)
    cls, options = _NEURONS[entry.kind]
    vectors = {part.name: tensor(f"neuron.{part.name}") for part in fields(cls) if part.name not in options}
    neuron = cls(**vectors, **options)
    return SpikingDescription(name, feeds, tensor("bias"), tau, neuron, path=entry.path)


def _whole(name: str, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """`values` as steps, where none is too large for a whole number of any kind."""
    if not (np.abs(values) <= MAX_DELAY).all() or (values != np.rint(values)).any():
        raise FileFormatError(f"`{name}` must be whole numbers of steps up to {MAX_DELAY}")
    return values.astype(np.int64)
