"""The float world: integrate-and-fire neurons, networks of them, their training and description for lowering.

Importing this package imports neither JAX nor NumPy. Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .exceptions import ExpifrefError

if TYPE_CHECKING:
    from .adexif import AdExIF, AdExIFRef
    from .checkpoint import load_model, read_description, save_description, save_model
    from .data import Binning, event_dataset
    from .data import load as load_dataset
    from .description import (
        AdExParameters,
        Description,
        FeedDescription,
        LayerDescription,
        LIFParameters,
        NeuronParameters,
        ReadoutDescription,
        SpikingDescription,
    )
    from .encoders import encode
    from .gradient import GradientRules
    from .lif import LIF, LIFRef
    from .neuron import ExpIF, ExpIFRef
    from .reading.reference import reference
    from .reading.write_back import write_back
    from .saved_states import load_states
    from .synapse import ExponentialSynapse, LeakyReadout
    from .training import train

__all__ = [
    "LIF",
    "AdExIF",
    "AdExIFRef",
    "AdExParameters",
    "Binning",
    "Description",
    "ExpIF",
    "ExpIFRef",
    "ExpifrefError",
    "ExponentialSynapse",
    "FeedDescription",
    "GradientRules",
    "LIFParameters",
    "LIFRef",
    "LayerDescription",
    "LeakyReadout",
    "NeuronParameters",
    "ReadoutDescription",
    "SpikingDescription",
    "describe",
    "encode",
    "event_dataset",
    "load_dataset",
    "load_model",
    "load_states",
    "read_description",
    "reference",
    "save_description",
    "save_model",
    "train",
    "write_back",
]

_LATE = {
    "AdExIF": ("adexif", "AdExIF"),
    "AdExIFRef": ("adexif", "AdExIFRef"),
    "AdExParameters": ("description", "AdExParameters"),
    "Binning": ("data", "Binning"),
    "Description": ("description", "Description"),
    "ExpIF": ("neuron", "ExpIF"),
    "ExpIFRef": ("neuron", "ExpIFRef"),
    "ExponentialSynapse": ("synapse", "ExponentialSynapse"),
    "FeedDescription": ("description", "FeedDescription"),
    "GradientRules": ("gradient", "GradientRules"),
    "LIF": ("lif", "LIF"),
    "LIFParameters": ("description", "LIFParameters"),
    "LIFRef": ("lif", "LIFRef"),
    "LayerDescription": ("description", "LayerDescription"),
    "LeakyReadout": ("synapse", "LeakyReadout"),
    "NeuronParameters": ("description", "NeuronParameters"),
    "ReadoutDescription": ("description", "ReadoutDescription"),
    "SpikingDescription": ("description", "SpikingDescription"),
    "describe": ("reading.describe", "describe"),
    "encode": ("encoders", "encode"),
    "event_dataset": ("data", "event_dataset"),
    "load_dataset": ("data", "load"),
    "load_model": ("checkpoint", "load_model"),
    "load_states": ("saved_states", "load_states"),
    "read_description": ("checkpoint", "read_description"),
    "reference": ("reading.reference", "reference"),
    "save_description": ("checkpoint", "save_description"),
    "save_model": ("checkpoint", "save_model"),
    "train": ("training", "train"),
    "write_back": ("reading.write_back", "write_back"),
}
"""Public name -> module and name in it."""


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LATE[name]
    value = getattr(import_module(f".{module}", __name__), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
