"""The body of a layer as hardware is made of it: what is needed, and what is known before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantize.graph.body import uniform
from quantize.graph.layers import Graph, Port, UnitLayer, full_name
from quantize.graph.operations import Constant, Lookup
from quantize.graph.passes import held_results, needed
from quantize.graph.proof import Proven
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format
from quantize.numbers.intervals import Interval
from quantize.run.emulator import GraphEmulator

__all__ = ["Listing", "interval_of", "listing", "roots", "without_unused"]


@dataclass(frozen=True, eq=False)
class Listing:
    """Operations in order. Names that are not of the program have capital letters in them."""

    operations: tuple[Any, ...]
    constants: Mapping[str, Integers]  # each [1] or [units]
    intervals: Mapping[str, Interval]  # of every result
    kept: frozenset[str]  # results that are read from outside

    def uses(self, name: str) -> int:
        """How often the result `name` is read."""
        read: int = sum(operation.of.count(name) for operation in self.operations)
        return read + (name in self.kept)


def roots(layer: UnitLayer) -> list[str]:
    """The results that leave the body, each once: next states, output, signals."""
    return list(dict.fromkeys([*layer.next.values(), layer.output, *layer.signals.values()]))


def interval_of(values: Integers) -> Interval:
    """Every value lies in it."""
    return Interval(int(values.min()), int(values.max()))


def listing(layer: UnitLayer, proven: Mapping[str, Proven]) -> Listing:
    """The needed operations of `layer`; those on constants alone are constants."""
    operations: list[Any] = []
    known = _constant_results(layer)
    intervals = {name: one.interval for name, one in proven.items()}
    constants: dict[str, Integers] = dict(layer.constants)
    for operation in needed(layer, roots(layer)):
        if operation.name in known and not isinstance(operation, Constant):
            place = f"{operation.name}_KNOWN"
            constants[place] = known[operation.name]
            operations.append(Constant(operation.name, place))
        else:
            operations.append(operation)
    return without_unused(Listing(tuple(operations), constants, intervals, frozenset(roots(layer))))


def without_unused(body: Listing) -> Listing:
    """`body` without operations and constants that nothing reads."""
    wanted = set(body.kept)
    for operation in reversed(body.operations):
        if operation.name in wanted:
            wanted.update(operation.of)
    operations = tuple(operation for operation in body.operations if operation.name in wanted)
    read = _constants_of(operations)
    constants = {name: values for name, values in body.constants.items() if name in read}
    return replace(body, operations=operations, constants=constants)


def _constants_of(operations: Sequence[Any]) -> set[str]:
    read = {operation.constant for operation in operations if isinstance(operation, Constant)}
    return read | {
        operation.index
        for operation in operations
        if isinstance(operation, Lookup) and operation.index is not None
    }


def _constant_results(layer: UnitLayer) -> dict[str, Integers]:
    """The results that depend on constants alone, by running a layer that has nothing else."""
    held = held_results(layer, ())
    body = tuple(operation for operation in layer.body if operation.name in held)
    if not body:
        return {}
    signals = {operation.name: operation.name for operation in body}
    alone = replace(layer, feeds=(), states={}, next={}, body=body, output=body[-1].name, signals=signals)
    graph = Graph(Port(1, Format(False, 1, 0)), (alone,), layer.name)
    found = GraphEmulator(graph).step(np.zeros((1, 1), np.int64), {}).signals
    return {name: uniform(frozen(found[full_name(layer.name, name)][0])) for name in signals}
