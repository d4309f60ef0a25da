"""The walk over the weights of an event, by the kind of connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exporters.emitter import Emitter
from quantize.graph.layers import Connection, Convolution, Dense

from .convolution import convolution_clocks, convolution_walk
from .dense import dense_clocks, dense_walk
from .memories import Files
from .weights import Weights

__all__ = ["event_clocks", "walk"]

_WALKS: Mapping[type[Any], Callable[[Emitter, Files, str, Any, Weights], str]] = MappingProxyType(
    {Dense: dense_walk, Convolution: convolution_walk}
)

_CLOCKS: Mapping[type[Any], Callable[[Any, Weights], float]] = MappingProxyType(
    {Dense: dense_clocks, Convolution: convolution_clocks}
)


def walk(e: Emitter, files: Files, name: str, part: Connection, weights: Weights) -> str:
    """Write what goes over the weights of an event in module `name`, one word of memory per clock.

    While `issue` it is at `base + j`, for the word of sums whose signal is returned: with one lane a unit. It
    takes an event when `accept`, and is in the state `SETTLE` from a tick until `step_done`.
    """
    return _WALKS[type(part)](e, files, name, part, weights)


def event_clocks(part: Connection, weights: Weights) -> float:
    """Clocks that it takes over the weights of an event, the mean over the units that send it."""
    return _CLOCKS[type(part)](part, weights)
