"""Model files: a network description in safetensors, with its metadata. Read and written without JAX.

Tensors are float64 in SI units, named `<layer>.weight`, `<layer>.bias`, `<layer>.tau` (of the synapse or
the readout; absent when there is none) and `<layer>.neuron.<parameter>`; large ones stay in the file until
they are looked at. The metadata hold the format and its version, dt in seconds, encoder, steps, the kinds of
the layers, and, for networks trained here, their architecture, metrics and environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .architecture import Architecture, NeuronSettings
from .checks import check_description
from .description import (
    Description,
    LayerDescription,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
)
from .environment import Environment, parse_environments
from .exceptions import FileFormatError
from .tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from .networks import SpikingNetwork

__all__ = [
    "ModelFile",
    "load_model",
    "read_description",
    "read_model",
    "save_description",
    "save_model",
]

_FORMAT = "expifref-model"
_VERSION = 1
_UNITS = "SI"
_SPIKING, _READOUT = "spiking", "readout"
_NEURON_PARAMETERS = tuple(part.name for part in fields(NeuronParameters))

Tensors = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds."""

    description: Description
    architecture: Architecture | None = None  # None for a network that was built elsewhere
    metrics: Mapping[str, float] = field(default_factory=dict)
    environments: tuple[
        Environment, ...
    ] = ()  # it was trained in, one after the other; () where not recorded


def save_model(path: Path, model: ModelFile) -> None:
    """Write `model` to `path`, whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
        ParameterError: the description breaks its rules (the message names the layer).
    """
    check_description(model.description)
    d = model.description
    document = {
        "version": _VERSION,
        "units": _UNITS,
        "dt": d.dt,
        "inputs": d.inputs,
        "encoder": d.encoder,
        "steps": d.steps,
        "layers": [
            {"name": layer.name, "kind": _kind(layer), "filtered": _tau(layer) is not None}
            for layer in d.layers
        ],
        "architecture": None if model.architecture is None else asdict(model.architecture),
        "metrics": dict(model.metrics),
        "environments": [dict(environment) for environment in model.environments],
    }
    tensors = {name: value for layer in d.layers for name, value in _layer_tensors(layer).items()}
    write_tensors(path, tensors, _FORMAT, document)


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
    tensors, document = read_tensors(path, _FORMAT, _VERSION)
    try:
        model = _parse(tensors, document)
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"`{path}` must hold a complete network, but its metadata are damaged"
        ) from error
    check_description(model.description)
    return model


def load_model(path: Path) -> SpikingNetwork:
    """The network in the model file at `path` as a brainstate module; errors as `read_model`."""
    from .networks import SpikingNetwork

    return SpikingNetwork(read_description(path))


def _kind(layer: LayerDescription) -> str:
    return _SPIKING if isinstance(layer, SpikingDescription) else _READOUT


def _tau(layer: LayerDescription) -> NDArray[np.float64] | None:
    return layer.tau_synapse if isinstance(layer, SpikingDescription) else layer.tau


def _layer_tensors(layer: LayerDescription) -> Tensors:
    tensors = {"weight": layer.weight, "bias": layer.bias}
    tau = _tau(layer)
    if tau is not None:
        tensors["tau"] = tau
    if isinstance(layer, SpikingDescription):
        tensors |= {f"neuron.{name}": getattr(layer.neuron, name) for name in _NEURON_PARAMETERS}
    # safetensors writes the buffer as it lies in memory
    return {f"{layer.name}.{name}": np.asarray(value, "<f8", order="C") for name, value in tensors.items()}


def _parse(tensors: dict[str, NDArray[Any]], document: dict[str, Any]) -> ModelFile:
    if document["units"] != _UNITS:
        raise ValueError(f"`units` must be {_UNITS}, not {document['units']}")
    description = Description(
        dt=float(document["dt"]),
        inputs=_count(document, "inputs"),
        layers=tuple(_parse_layer(layer, tensors) for layer in document["layers"]),
        encoder=str(document["encoder"]),
        steps=_count(document, "steps"),
    )
    metrics = {str(name): float(value) for name, value in dict(document["metrics"]).items()}
    environments = parse_environments(document.get("environments"))  # not there before they were recorded
    return ModelFile(description, _parse_architecture(document["architecture"]), metrics, environments)


def _count(document: dict[str, Any], key: str) -> int:
    value = document[key]
    if type(value) is not int:
        raise TypeError(f"`{key}` must be an integer, not {value!r}")
    return value


def _parse_layer(entry: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> LayerDescription:
    name = str(entry["name"])

    def tensor(part: str) -> NDArray[np.float64]:
        if f"{name}.{part}" not in tensors:
            raise FileFormatError(f"a model file must hold the tensor `{name}.{part}`, which is missing")
        return np.asarray(tensors[f"{name}.{part}"], np.float64)

    if entry["kind"] not in (_SPIKING, _READOUT):
        raise FileFormatError(
            f"layer `{name}` of a model file must be {_SPIKING} or {_READOUT}, not {entry['kind']}"
        )
    tau = tensor("tau") if entry["filtered"] else None
    if entry["kind"] == _READOUT:
        return ReadoutDescription(name, tensor("weight"), tensor("bias"), tau)
    neuron = NeuronParameters(**{key: tensor(f"neuron.{key}") for key in _NEURON_PARAMETERS})
    return SpikingDescription(name, tensor("weight"), tensor("bias"), tau, neuron)


def _parse_architecture(values: dict[str, Any] | None) -> Architecture | None:
    if values is None:
        return None
    parts = {"hidden": tuple(values["hidden"]), "neuron": NeuronSettings(**values["neuron"])}
    return Architecture(**{**values, **parts})
