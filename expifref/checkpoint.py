"""Model files: a network description in safetensors, with its metadata. Read and written without JAX.

Tensors are float64 in SI units, named `<layer>.weight`, `<layer>.bias`, `<layer>.tau` (of the synapse or
the readout; absent when there is none) and `<layer>.neuron.<parameter>`. The metadata hold the format and
its version, dt in seconds, encoder, steps, the kinds of the layers, and, for networks trained here, their
architecture and metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .architecture import Architecture, NeuronSettings
from .description import (
    Description,
    LayerDescription,
    NeuronParameters,
    ReadoutDescription,
    SpikingDescription,
)
from .encoders import MAX_STEPS, get_encoder
from .exceptions import FileFormatError, ParameterError
from .tensor_files import read_tensors, write_tensors

if TYPE_CHECKING:
    from .networks import SpikingNetwork

__all__ = [
    "ModelFile",
    "check_description",
    "load_model",
    "read_description",
    "read_model",
    "save_description",
    "save_model",
]

_FORMAT = "expifref-model"
_VERSION = 1
_UNITS = "SI"
_LARGEST = 1e60  # products of larger numbers leave float64
_SPIKING, _READOUT = "spiking", "readout"
_NEURON_PARAMETERS = tuple(part.name for part in fields(NeuronParameters))

Tensors = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds."""

    description: Description
    architecture: Architecture | None = None  # None for a network that was built elsewhere
    metrics: Mapping[str, float] = field(default_factory=dict)


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


def check_description(description: Description) -> None:
    """Raise ParameterError unless every number of `description` obeys its rule, and the shapes fit."""
    get_encoder(description.encoder)
    if not (0 < description.dt < np.inf and description.steps >= 1):
        raise ParameterError(
            f"`dt` must be above 0 s and `steps` at least 1, not {description.dt} s and {description.steps}"
        )
    if description.steps > MAX_STEPS:
        raise ParameterError(f"`steps` must be at most {MAX_STEPS}, not {description.steps}")
    names = [layer.name for layer in description.layers]
    if not names or len(set(names)) != len(names):
        raise ParameterError(f"a network must have layers with different names, not {names}")
    width = description.inputs
    for layer in description.layers:
        _check_shapes(layer, width)
        for name, values in _layer_tensors(layer).items():
            _check(name, values, np.isfinite(values), "finite")
            _check(name, values, np.abs(values) <= _LARGEST, f"at most {_LARGEST:g} in magnitude")
        width = layer.weight.shape[1]
        tau = _tau(layer)
        if tau is not None:
            _check(f"{layer.name}.tau", tau, tau > 0, "above 0 s")
        if isinstance(layer, SpikingDescription):
            _check_neuron(layer)


def _check_neuron(layer: SpikingDescription) -> None:
    n, prefix = layer.neuron, f"{layer.name}.neuron"
    _check(f"{prefix}.tau", n.tau, n.tau > 0, "above 0 s")
    _check(f"{prefix}.delta_t", n.delta_t, n.delta_t > 0, "above 0 V")
    _check(f"{prefix}.tau_ref", n.tau_ref, n.tau_ref >= 0, "at least 0 s")
    for name in ("v_reset", "v_t", "v_initial"):
        values = getattr(n, name)
        _check(f"{prefix}.{name}", values, values < n.v_th, "below `v_th`")


def _check_shapes(layer: LayerDescription, inputs: int) -> None:
    if layer.weight.ndim != 2 or layer.weight.shape[0] != inputs:
        raise ParameterError(
            f"`{layer.name}.weight` must have the shape [{inputs}, neurons], not {list(layer.weight.shape)}"
        )
    neurons = layer.weight.shape[1]
    for name, values in _layer_tensors(layer).items():
        if name != f"{layer.name}.weight" and values.shape != (neurons,):
            raise ParameterError(f"`{name}` must have the shape [{neurons}], not {list(values.shape)}")


def _check(name: str, values: NDArray[np.float64], allowed: NDArray[np.bool_], rule: str) -> None:
    if not allowed.all():
        index = tuple(np.argwhere(~allowed)[0].tolist())
        raise ParameterError(f"`{name}` must be {rule}, not {values[index]:g} at {list(index)}")


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
    return ModelFile(description, _parse_architecture(document["architecture"]), metrics)


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
        return tensors[f"{name}.{part}"].astype(np.float64)

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
