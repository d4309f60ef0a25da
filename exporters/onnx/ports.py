"""The inputs and outputs of an integer model: their names, types and widths (docs/onnx.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from onnx import helper

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Graph, full_name
from quantize.graph.layers import Port as GraphPort
from quantize.graph.proof import proof_of
from quantize.numbers.intervals import Interval
from quantize.run.states import state_range

from .builder import UINT8
from .values import stored, word

__all__ = [
    "FINAL",
    "NEXT",
    "SPIKES",
    "START",
    "Form",
    "Port",
    "Ports",
    "check_names",
    "input_kind",
    "ports_of",
]

Form = Literal["sequence", "step"]

SPIKES = "spikes"
"""The input of the program."""

START: Mapping[str, str] = MappingProxyType({"sequence": ".initial", "step": ".previous"})
"""Form -> how the name of the input for a state ends."""

FINAL, NEXT = ".final", ".next"
"""End the name of the output for a state: of a sequence, and of a step where it is no signal."""


@dataclass(frozen=True)
class Port:
    """A signal or state as a tensor."""

    kind: int  # element type
    width: int


@dataclass(frozen=True)
class Ports:
    """Signals and states by their full names, in the order in which they are told."""

    signals: Mapping[str, Port]
    states: Mapping[str, Port]


def ports_of(graph: Graph) -> Ports:
    """What the models of `graph` take and give; raises UnsupportedError for an input wider than a byte."""
    _check_input(graph.input)
    own = {full_name(layer.name, key) for layer in graph.layers for key in layer.states}
    states = {}
    for name, units in graph.state_units.items():
        interval = Interval(*state_range(graph, name))
        # What a delay keeps is read as a source is; a layer's own state is computed with.
        states[name] = Port(word(interval) if name in own else stored(interval), units)
    signals = {}
    for layer in graph.layers:
        for key, result in layer.signals.items():
            name = full_name(layer.name, key)
            kind = _signal_kind(proof_of(graph).layers[layer.name][result].interval)
            signals[name] = states.get(name, Port(kind, layer.units))
    return Ports(signals, states)


def _signal_kind(interval: Interval) -> int:
    return UINT8 if interval.binary else word(interval)


def check_names(names: Iterable[str]) -> None:
    """Raise UnsupportedError unless `names`, of all inputs and outputs, are different."""
    for name, times in Counter(names).items():
        if times > 1:
            raise UnsupportedError(
                f"inputs and outputs must have different names in ONNX, but `{name}` comes up {times} times: "
                "rename a layer or a signal"
            )


def input_kind(dtype: np.dtype[Any]) -> int:
    """The element type of an input whose values travel in `dtype`."""
    return int(helper.np_dtype_to_tensor_dtype(dtype))


def _check_input(port: GraphPort) -> None:
    byte, fmt = np.iinfo(port.dtype), port.format
    if fmt.lo < byte.min or fmt.hi > byte.max:
        raise UnsupportedError(
            f"the input must lie in {byte.min}..{byte.max} in ONNX, not in {fmt.lo}..{fmt.hi}"
        )
