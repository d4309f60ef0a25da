"""The texts of an ONNX model that are used: its metadata under `expifref.`, names of inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import onnx
from onnx import helper

from expifref.documents import parse, written
from expifref.texts import Line, Name

__all__ = ["Interface", "describe", "interface_of"]

_OURS = "expifref."


@dataclass(frozen=True)
class Interface:
    """What a model says of itself."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    metadata: dict[Name, Line]
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]


def interface_of(model: onnx.ModelProto) -> Interface:
    """What `model` says of itself; raises FileFormatError for a text that breaks its rule."""
    values = {
        "metadata": {e.key: e.value for e in model.metadata_props if e.key.startswith(_OURS)},
        "inputs": [entry.name for entry in model.graph.input],
        "outputs": [entry.name for entry in model.graph.output],
    }
    return parse(Interface, values, "the ONNX model")


def describe(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Give `model` the `metadata`, each under `expifref.`.

    Raises:
        FileFormatError: a text breaks its rule.
    """
    ours = {f"{_OURS}{key}": value for key, value in metadata.items()}
    written(Interface, Interface(ours, (), ()), "the ONNX model")
    helper.set_model_props(model, ours)
