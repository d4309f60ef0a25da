"""One step of a layer of a program in float64, with any set of causes on.

The operations are those of the integers, but those that round, lose or look up do so where their cause is on,
and constants are those of the float network where theirs is off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Constant, Lookup, Overflowed, RoundShift, ShiftLeft, StateBefore
from quantize.numbers.arrays import Integers
from quantize.run.layer_runner import EVALUATORS, Now

from .causes import Cause
from .codes import Causes, Floats, Function, RealCodes, overflowed, rounded
from .twin import ROUNDS, Twin

__all__ = ["HybridLayer", "LayerStep", "hybrid_layer"]


class LayerStep(NamedTuple):
    """What a layer did in a step, in codes of each place, `[batch, units]`."""

    results: Mapping[str, Floats]  # of its body, but under the name of a signal or a state what that is
    output: Floats
    seen: Sequence[Floats]  # what its feeds saw, [batch, source units] each


@dataclass(frozen=True)
class HybridLayer:
    """One layer with its causes switched."""

    layer: UnitLayer
    weights: tuple[Floats, ...]  # of each feed, [source units, units]
    constants: Mapping[str, Floats]  # by the names of their results
    start: Mapping[str, Floats]  # of the states
    functions: Mapping[str, Function]  # of lookups
    on: Causes

    def initial(self, batch: int) -> Mapping[str, Floats]:
        """State before the first step, each `[batch, units]`."""
        shape = (batch, self.layer.units)
        return {name: np.broadcast_to(values, shape) for name, values in self.start.items()}

    def step(self, seen: Sequence[Floats], state: Mapping[str, Any]) -> LayerStep:
        """Advance by one step; `seen` is what its feeds see, `[batch, source units]` each."""
        sums: list[Any] = [values @ weight for values, weight in zip(seen, self.weights, strict=True)]
        results: dict[str, Any] = dict(self.constants)
        now = _Now(self.layer, sums, state, Counter(), results, mixed=self)
        # Above V_T + 709 delta_T the growth is infinite, which the threshold takes.
        with np.errstate(over="ignore"):
            for operation in self.layer.body:
                if operation.name not in results:
                    results[operation.name] = _EVALUATORS[type(operation)](operation, now)
        told = {name: results[one] for name, one in (self.layer.signals | self.layer.next).items()}
        return LayerStep(results | told, results[self.layer.output], seen)


def hybrid_layer(layer: UnitLayer, twin: Twin, on: Causes) -> HybridLayer:
    """`layer` with the causes in `on`, and its `twin` in all else."""
    codes = tuple(one.matrix for one in layer.connections)
    read = {one.name: one.constant for one in layer.body if isinstance(one, Constant)}
    return HybridLayer(
        layer,
        tuple(one.astype(np.float64) for one in codes) if Cause.WEIGHTS in on else twin.weights,
        {name: _mixed(twin.constants.get(key), layer.constants[key], on) for name, key in read.items()},
        {name: _mixed(twin.initial.get(name), part.initial, on) for name, part in layer.states.items()},
        twin.functions,
        on,
    )


def _mixed(real: RealCodes | None, stated: Integers, on: Causes) -> Floats:
    return stated.astype(np.float64) if real is None else real.mixed(stated, on)


@dataclass(kw_only=True)
class _Now(Now):
    mixed: HybridLayer


def _state(operation: StateBefore, now: _Now) -> Any:
    return now.state[operation.state]


def _shift_left(operation: ShiftLeft, now: _Now) -> Any:
    return now.results[operation.of[0]] * 2.0**operation.shift


def _round_shift(operation: RoundShift, now: _Now) -> Any:
    value: Any = now.results[operation.of[0]] * 2.0**-operation.shift
    return rounded(value, operation.rounding) if _rounds(operation, now) else value


def _overflow(operation: Overflowed, now: _Now) -> Any:
    value: Any = now.results[operation.of[0]]
    if _rounds(operation, now):
        value = np.rint(value)  # not whole yet where no bits were dropped on the way
    if Cause.SATURATION not in now.mixed.on:
        return value
    return overflowed(value, operation.format, operation.overflow)


def _rounds(operation: RoundShift | Overflowed, now: _Now) -> bool:
    return ROUNDS.get(operation.name) in now.mixed.on


def _lookup(operation: Lookup, now: _Now) -> Any:
    """Reads the table, or has its function; a table that does not clip has its function beyond its ends."""
    v: Any = now.results[operation.of[0]]
    function, on = now.mixed.functions[operation.name], now.mixed.on
    table = now.layer.tables[operation.tables[0]]
    inside: Any = np.clip(v, table.start, table.stop - 1)
    if Cause.TABLES in on:
        read = _read(operation, now.layer, inside)
        return read if Cause.SATURATION in on else np.where(v == inside, read, function(v))
    return np.minimum(function(inside), table.format.hi) if Cause.SATURATION in on else function(v)


def _read(operation: Lookup, layer: UnitLayer, v: Any) -> Floats:
    """The table inside its domain, between two codes on the line through both."""
    below = np.floor(v)
    left, rest = _at_codes(operation, layer, below), v - below
    return left + rest * (_at_codes(operation, layer, below + 1) - left) if rest.any() else left


def _at_codes(operation: Lookup, layer: UnitLayer, v: Floats) -> Floats:
    now = Now(layer, [], {}, Counter(), {operation.of[0]: v.astype(np.int64)})
    return EVALUATORS[Lookup](operation, now).astype(np.float64)


_EVALUATORS: Mapping[type[Any], Callable[[Any, Any], Any]] = MappingProxyType(
    {
        **EVALUATORS,
        StateBefore: _state,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
    }
)
