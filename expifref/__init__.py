"""The float world: integrate-and-fire neurons, networks of them, their training and description for lowering.

Importing this package imports neither JAX nor NumPy. Names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .exceptions import ExpifrefError

if TYPE_CHECKING:
    from .data import event_dataset
    from .data import load as load_dataset
    from .encoders import encode
    from .network.description import (
        AdExParameters,
        Description,
        FeedDescription,
        LayerDescription,
        LIFParameters,
        NeuronParameters,
        ReadoutDescription,
        SpikingDescription,
    )
    from .network.model_files import load_model, read_description, save_description, save_model
    from .neurons.adexif import AdExIF, AdExIFRef
    from .neurons.expif import ExpIF, ExpIFRef
    from .neurons.gradient import GradientRules
    from .neurons.lif import LIF, LIFRef
    from .neurons.saved_states import load_states
    from .neurons.synapse import ExponentialSynapse, LeakyReadout
    from .reading.describe import describe
    from .reading.reference import reference
    from .reading.write_back import write_back
    from .training.train import train

__all__ = [
    "LIF",
    "AdExIF",
    "AdExIFRef",
    "AdExParameters",
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
    "AdExIF": ("neurons.adexif", "AdExIF"),
    "AdExIFRef": ("neurons.adexif", "AdExIFRef"),
    "AdExParameters": ("network.description", "AdExParameters"),
    "Description": ("network.description", "Description"),
    "ExpIF": ("neurons.expif", "ExpIF"),
    "ExpIFRef": ("neurons.expif", "ExpIFRef"),
    "ExponentialSynapse": ("neurons.synapse", "ExponentialSynapse"),
    "FeedDescription": ("network.description", "FeedDescription"),
    "GradientRules": ("neurons.gradient", "GradientRules"),
    "LIF": ("neurons.lif", "LIF"),
    "LIFParameters": ("network.description", "LIFParameters"),
    "LIFRef": ("neurons.lif", "LIFRef"),
    "LayerDescription": ("network.description", "LayerDescription"),
    "LeakyReadout": ("neurons.synapse", "LeakyReadout"),
    "NeuronParameters": ("network.description", "NeuronParameters"),
    "ReadoutDescription": ("network.description", "ReadoutDescription"),
    "SpikingDescription": ("network.description", "SpikingDescription"),
    "describe": ("reading.describe", "describe"),
    "encode": ("encoders", "encode"),
    "event_dataset": ("data", "event_dataset"),
    "load_dataset": ("data", "load"),
    "load_model": ("network.model_files", "load_model"),
    "load_states": ("neurons.saved_states", "load_states"),
    "read_description": ("network.model_files", "read_description"),
    "reference": ("reading.reference", "reference"),
    "save_description": ("network.model_files", "save_description"),
    "save_model": ("network.model_files", "save_model"),
    "train": ("training.train", "train"),
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
