"""The texts of an ONNX model that are used: its metadata under `expifref.`, names of inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import onnx
from onnx import helper

from expifref.files.documents import parse, written
from expifref.files.texts import Line, Name

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
        "metadata": {k: v for k, v in _metadata(model) if k.startswith(_OURS)},
        "inputs": [_text(entry.name) for entry in model.graph.input],
        "outputs": [_text(entry.name) for entry in model.graph.output],
    }
    return parse(Interface, values, "the ONNX model")


def _metadata(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    return ((_text(entry.key), _text(entry.value)) for entry in model.metadata_props)


def _text(found: str | bytes) -> str:
    """A text of a model, which is bytes where it is none: a line that breaks every rule then."""
    return found if isinstance(found, str) else found.decode("utf-8", "replace")


def describe(model: onnx.ModelProto, metadata: Mapping[str, str]) -> None:
    """Give `model` the `metadata`, each under `expifref.`.

    Raises:
        FileFormatError: a text breaks its rule.
    """
    ours = {f"{_OURS}{key}": value for key, value in metadata.items()}
    written(Interface, Interface(ours, (), ()), "the ONNX model")
    helper.set_model_props(model, ours)
