"""Units alone: one layer of a graph, with a result that its feeds would have formed given from outside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError, ParameterError
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, UnitLayer, full_name
from quantize.graph.operations import Feed, Operation, Overflowed, StateBefore
from quantize.graph.passes import needed
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format
from quantize.run.states import initial_state

from .drive import drive_text
from .executor import cores, share
from .library import Library
from .passes import BLOCK

__all__ = ["Driven", "DrivenExecutor"]


@dataclass(frozen=True)
class Driven:
    """What units did on values that were given."""

    total: Integers  # the output of each unit, summed over the steps, [units]
    state: dict[str, Integers]  # after the last step, [units] each


class DrivenExecutor:
    """Runs the units of one layer on values of one of its results, all steps of some units at a time."""

    def __init__(self, graph: Graph, layer: str, result: str, threads: int | None = None) -> None:
        """Compile what follows `result`, which must be one that is brought into a format.

        Raises:
            ParameterError: there is no such layer or result, it has no format, or `threads` is not positive.
            RangeError, MissingToolError, ToolError: see `exporters.native.executor.NativeExecutor`.
        """
        self._threads = cores(threads)
        self.graph = driven(graph, layer, result)
        self.result = result
        self._layer = self.graph.layers[0]
        text = drive_text(self.graph)
        self._type = text.input
        self._library = Library(text.source, text.arrays)

    def run(self, values: NDArray[np.integer]) -> Driven:
        """Run the units on `values` `[steps, units]` from their initial states.

        Raises:
            DataError: `values` have another width, or leave the format of the result.
        """
        given = self._checked(values)
        now = {name: value[0].copy() for name, value in initial_state(self.graph, 1).items()}
        total = np.zeros(self._layer.units, np.int64)

        def part(blocks: tuple[int, int]) -> None:
            self._library.drive(blocks, given, [*now.values()], total)

        share(self._threads, -(-self._layer.units // BLOCK), part)
        return Driven(total, now)

    def _checked(self, values: NDArray[np.integer]) -> NDArray[Any]:
        fmt, units = self.graph.input.format, self._layer.units
        if values.ndim != 2 or values.shape[1] != units:
            raise DataError(f"`{self.result}` must be [steps, {units}], not {list(values.shape)}")
        kind = np.iinfo(values.dtype)
        # Where the type cannot leave the format, looking for a value that does takes a third of the run.
        fits = fmt.lo <= kind.min and kind.max <= fmt.hi
        if values.size and not fits and not fmt.lo <= int(values.min()) <= int(values.max()) <= fmt.hi:
            raise DataError(
                f"`{self.result}` must lie in {fmt.lo}..{fmt.hi}, not in {values.min()}..{values.max()}"
            )
        return np.ascontiguousarray(values, self._type)


def driven(graph: Graph, name: str, result: str) -> Graph:
    """The layer `name` alone, with `result` an accumulator that takes the one input of the graph as it is."""
    if name not in graph.by_name:
        raise ParameterError(f"the layer must be one of {', '.join(graph.by_name)}, not `{name}`")
    layer = graph.by_name[name]
    made = layer.results.get(result)
    if not isinstance(made, Overflowed):
        raise ParameterError(f"`{full_name(name, result)}` must be a result that is brought into a format")
    given = replace(layer, body=tuple(Feed(result, 0) if one is made else one for one in layer.body))
    body, states = _what_follows(given)
    if any(isinstance(one, Feed) and one.name != result for one in body):
        raise ParameterError(f"what follows `{full_name(name, result)}` must need no other feed, but does")
    weight = np.ones((1, layer.units), np.int8)
    alone = replace(
        given,
        feeds=(LayerFeed(INPUT, Dense(weight, Format(True, 2, 0), made.format), frozen([0])),),
        body=body,
        states={state: layer.states[state] for state in states},
        next={state: layer.next[state] for state in states},
        signals={},
    )
    return Graph(Port(1, made.format), (alone,), name)


def _what_follows(layer: UnitLayer) -> tuple[tuple[Operation, ...], tuple[str, ...]]:
    """What the output needs, and the states that it depends on."""
    states: tuple[str, ...] = ()
    while True:
        body = needed(layer, {layer.output, *(layer.next[state] for state in states)})
        read = {one.state for one in body if isinstance(one, StateBefore)}
        if read == set(states):
            return body, states
        states = tuple(state for state in layer.states if state in read)
