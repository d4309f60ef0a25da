"""How the neurons of each model are lowered: the one place of the lowering that knows which there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from expifref.network.description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters
from quantize.graph.bodies import adexif, expif, lif
from quantize.graph.body import Body
from quantize.numbers.formats import Format
from quantize.tables.functions import TableSpec

from .adexif import lower_adaptive
from .lif import leaky_format, lower_leaky
from .neuron import lower_neuron, membrane_format, table_spec

__all__ = ["MODELS", "Model", "model_of"]


@dataclass(frozen=True)
class Model:
    """A neuron model."""

    format: Callable[..., Format]  # of the membrane; arguments as `membrane_format`
    numbers: Callable[..., Any]  # what its body is written with; arguments as `lower_neuron`
    body: Callable[[Body, str, Any], str]  # writes it, from the drive to the spikes
    tables: Callable[..., TableSpec] | None  # what they have to serve; arguments as `table_spec`


MODELS: Mapping[type, Model] = MappingProxyType(
    {
        NeuronParameters: Model(membrane_format, lower_neuron, expif, table_spec),
        AdExParameters: Model(membrane_format, lower_adaptive, adexif, table_spec),
        LIFParameters: Model(leaky_format, lower_leaky, lif, None),
    }
)


def model_of(neuron: AnyNeuron) -> Model:
    """That of a population."""
    return MODELS[type(neuron)]
