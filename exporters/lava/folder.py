"""A program as a folder of Python for Lava (docs/lava.md)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.operations import Lookup
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import narrowest
from quantize.program.label import Label

from .connections import remembers, stored_delay
from .names import array
from .network import network_text
from .processes import process_text

__all__ = ["COMMON_FILES", "MOST_VALUES", "lava_files"]

COMMON_FILES = ("arithmetic.py", "layers.py", "run.py", "watch.py", "README.md")
"""What is the same for every program."""

MOST_VALUES = 1 << 25
"""Of one array that a process holds, in int64."""


def lava_files(graph: Graph, label: Label) -> Mapping[str, str]:
    """File name -> text: everything that `--to lava` writes.

    Raises:
        ParameterError, RangeError: the graph breaks a rule of the specification, or cannot be proven.
        UnsupportedError: the weights of a feed, or what a layer remembers, are more than `MOST_VALUES`.
    """
    proof_of(graph)
    for layer in graph.layers:
        _check_sizes(graph, layer)
    runtime = resources.files(__package__) / "runtime"
    return {
        "network.py": network_text(graph, label),
        "processes.py": process_text(graph),
        "data.json": _data(graph),
        **{name: (runtime / name).read_text(encoding="utf-8") for name in COMMON_FILES},
    }


def _check_sizes(graph: Graph, layer: UnitLayer) -> None:
    for index, one in enumerate(layer.connections):
        _require(f"{layer.name}.feeds.{index}.weight", one.weight.size)
    for source, steps in remembers(layer).items():
        _require(f"{layer.name}.past.{source}", steps * graph.units(source))


def _require(what: str, values: int) -> None:
    if values > MOST_VALUES:
        raise UnsupportedError(
            f"`{what}` must have at most {MOST_VALUES} values in a process of Lava, not {values}: "
            "each is 8 bytes there; export it to C, or run it with the native executor"
        )


def _data(graph: Graph) -> str:
    """Every array, little-endian, of the narrowest type that holds it."""
    rows = {name: _row(values) for layer in graph.layers for name, values in _arrays(layer)}
    return json.dumps(rows, indent=1) + "\n"


def _row(values: NDArray[Any]) -> dict[str, Any]:
    kind = narrowest(values).newbyteorder("<")
    content = np.ascontiguousarray(values, kind).tobytes()
    return {
        "dtype": kind.str,
        "shape": list(values.shape),
        "base64": base64.b64encode(content).decode("ascii"),
    }


def _arrays(layer: UnitLayer) -> Iterator[tuple[str, NDArray[Any]]]:
    for index, feed in enumerate(layer.feeds):
        yield array(layer.name, "weight", index), feed.connection.weight
        if stored_delay(feed):
            yield array(layer.name, "delay", index), feed.delay
    for key, state in layer.states.items():
        yield array(layer.name, "initial", key), state.initial
    for key, values in layer.constants.items():
        yield array(layer.name, "constant", key), values
    for key in dict.fromkeys(key for one in layer.body if isinstance(one, Lookup) for key in one.tables):
        yield array(layer.name, "table", key), layer.tables[key].values
