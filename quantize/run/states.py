"""What a graph is given: inputs, states, names of signals; checked, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from quantize.graph.layers import Graph, Port, full_name
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import Integers

from .trace import Spikes

__all__ = [
    "check_input",
    "check_spikes",
    "check_state",
    "check_values",
    "initial_state",
    "kept_signals",
    "state_range",
]

Values = Mapping[str, Integers]


def initial_state(graph: Graph, batch: int) -> dict[str, Integers]:
    """The state before the first step, each `[batch, units]`."""
    state = {
        full_name(layer.name, name): np.tile(np.broadcast_to(one.initial, layer.units), (batch, 1))
        for layer in graph.layers
        for name, one in layer.states.items()
    }
    return state | {
        name: np.zeros((batch, graph.units(source)), np.int64) for name, source, _ in graph.delayed
    }


def check_values(port: Port, values: NDArray[Any]) -> Integers:
    """Return `values` as int64 `[steps, batch, channels]`, or raise DataError saying what is wrong."""
    return check_input(port, values).astype(np.int64)


def check_input(port: Port, values: NDArray[Any]) -> NDArray[Any]:
    """Return `values` `[steps, batch, channels]` as they are, or raise DataError saying what is wrong."""
    if values.dtype.kind not in "iub":
        raise DataError(f"the input must be whole numbers, not {values.dtype}")
    if values.ndim != 3:
        raise DataError(f"the input must have the shape [steps, batch, inputs], not {list(values.shape)}")
    if values.shape[2] != port.channels:
        raise DataError(f"the input must have {port.channels} channels, not {values.shape[2]}")
    if 0 in values.shape:
        raise DataError(f"the input must hold at least one step and one sample, not {list(values.shape)}")
    lo, hi = int(values.min()), int(values.max())
    if lo < port.format.lo or hi > port.format.hi:
        raise DataError(f"the input must lie in {port.format.lo}..{port.format.hi}, not in {lo}..{hi}")
    return values


def check_spikes(port: Port, spikes: NDArray[Any]) -> Spikes:
    """Return `spikes` in the type of `port`, as files and models take them; errors as `check_input`, and
    other types."""
    if spikes.dtype not in (port.dtype, np.dtype(np.bool_)):
        raise DataError(f"the input must be {port.dtype} or bool, not {spikes.dtype}")
    return check_input(port, spikes).astype(port.dtype, copy=False)


def kept_signals(graph: Graph, signals: Sequence[str] | None) -> tuple[str, ...]:
    """The signals to keep, all of them for None; raises DataError for a name that is no signal."""
    known = graph.signal_units
    kept = tuple(known) if signals is None else tuple(signals)
    if unknown := [name for name in kept if name not in known]:
        raise DataError(f"`{unknown[0]}` is not a signal of this program: {', '.join(known)}")
    return kept


def check_state(graph: Graph, state: Values, batch: int) -> dict[str, Integers]:
    """Return `state`, any part of the program's states, or raise DataError saying what is wrong."""
    known = graph.state_units
    for name, values in state.items():
        if name not in known:
            raise DataError(f"`{name}` is not a state of this program: {', '.join(known)}")
        shape = (batch, known[name])
        if values.shape != shape or values.dtype.kind != "i":
            raise DataError(
                f"`{name}` must be signed integers of the shape {list(shape)}, "
                f"not {values.dtype} of the shape {list(values.shape)}"
            )
        lo, hi = state_range(graph, name)
        if values.min() < lo or values.max() > hi:
            raise DataError(f"`{name}` must lie in {lo}..{hi}, not in {values.min()}..{values.max()}")
    return {name: values.astype(np.int64) for name, values in state.items()}


def state_range(graph: Graph, name: str) -> tuple[int, int]:
    """The least and the largest value that the state `name` may be given."""
    for layer in graph.layers:
        for key, state in layer.states.items():
            if full_name(layer.name, key) == name:
                return state.format.lo, state.format.hi
    source = next(source for history, source, _ in graph.delayed if history == name)
    return proof_of(graph).sources[source].with_zero
