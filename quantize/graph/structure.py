"""What the specification requires of a graph's fields before any of it can be run or proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from expifref.connections.windows import check_window
from expifref.exceptions import ParameterError
from expifref.network.description import MAX_DELAY
from quantize.numbers.arrays import Integers, extremes
from quantize.numbers.formats import MAX_BITS

from .layers import INPUT, Convolution, Graph, LayerFeed, SegmentTable, UnitLayer, full_name
from .operations import IDENTIFIER, Constant, Feed, Lookup, RoundShift, ShiftLeft, StateBefore

__all__ = ["check_graph"]

_MAX_VALUE = (1 << MAX_BITS) - 1

_MAX_NUMBER = (1 << 53) - 1
"""Of what stands in a file as a number, which a reader may take for a float64."""


def check_graph(graph: Graph) -> None:
    """Raise ParameterError naming the first field that breaks a rule of the specification."""
    if not graph.layers:
        raise ParameterError("a program must have at least one layer, and this one has none")
    _number("input.channels", graph.input.channels, 1, _MAX_NUMBER)
    _unique("layers", [INPUT, *(layer.name for layer in graph.layers)])
    for layer in graph.layers:
        _names(layer)
    if graph.output not in graph.by_name:
        raise ParameterError(f"the output of a program must be one of its layers, not `{graph.output}`")
    earlier = {INPUT}
    for layer in graph.layers:
        _number(f"{layer.name}.units", layer.units, 1, _MAX_NUMBER)
        for index, feed in enumerate(layer.feeds):
            _feed(f"{layer.name}.feeds.{index}", layer, feed, graph, feed.source in earlier)
        _data(layer)
        _body(layer)
        _ends(layer)
        earlier.add(layer.name)


def _names(layer: UnitLayer) -> None:
    """Every name that a layer gives, of which executors make theirs; all others must be one of them."""
    given = (layer.constants, layer.tables, layer.states, layer.signals, layer.results)
    for name in (layer.name, *(name for names in given for name in names)):
        try:
            IDENTIFIER.check(name)
        except ValueError as error:
            raise ParameterError(f"what a layer names must have a name to work with: {error}") from None


def _feed(name: str, layer: UnitLayer, feed: LayerFeed, graph: Graph, earlier: bool) -> None:
    if feed.source != INPUT and feed.source not in graph.by_name:
        raise ParameterError(f"`{name}` must come from `input` or from a layer, not from `{feed.source}`")
    units, one = graph.units(feed.source), feed.connection
    wanted = [units, layer.units]
    if isinstance(one, Convolution):
        check_window(f"{name}.window", one.window)
        if [one.sources, one.units] != wanted:
            raise ParameterError(
                f"`{name}.window` must make {wanted[1]} values of {wanted[0]}, "
                f"not {one.units} of {one.sources}"
            )
        wanted = [one.window.rows, one.window.outputs]
    if list(one.weight.shape) != wanted:
        raise ParameterError(f"`{name}.weight` must have the shape {wanted}, not {list(one.weight.shape)}")
    _between(f"{name}.weight", one.extremes, one.weight_format.lo, one.weight_format.hi)
    _vector(f"{name}.delay", feed.delay, units, 0 if earlier else 1, MAX_DELAY)


def _data(layer: UnitLayer) -> None:
    for name, values in layer.constants.items():
        _vector(full_name(layer.name, name), values, layer.units, -_MAX_VALUE, _MAX_VALUE)
    for name, state in layer.states.items():
        fmt = state.format
        _vector(f"{full_name(layer.name, name)}.initial", state.initial, layer.units, fmt.lo, fmt.hi)
    for name, table in layer.tables.items():
        _table(f"{layer.name}.{name}", table)


def _table(name: str, table: SegmentTable) -> None:
    _number(f"{name}.shift", table.shift, 0, MAX_BITS)
    if table.values.ndim != 1 or len(table.values) < 2:
        raise ParameterError(f"`{name}.values` must be at least two, in a list")
    _number(f"{name}.segments", table.segments, 1, _MAX_VALUE >> table.shift)
    _number(f"{name}.start", table.start, -_MAX_NUMBER, _MAX_NUMBER)
    _between(f"{name}.values", extremes(table.values), table.format.lo, table.format.hi)


def _body(layer: UnitLayer) -> None:
    _unique(f"{layer.name}.body", [operation.name for operation in layer.body])
    seen: set[str] = set()
    for operation in layer.body:
        place = f"{layer.name}.{operation.name}"
        for name in operation.of:
            if name not in seen:
                raise ParameterError(f"`{place}` must use results of earlier operations, but uses `{name}`")
        if type(operation) in _CHECKS:
            _CHECKS[type(operation)](place, operation, layer)
        seen.add(operation.name)


def _ends(layer: UnitLayer) -> None:
    if set(layer.next) != set(layer.states):
        raise ParameterError(f"`{layer.name}.next` must say what each state becomes, and nothing else")
    for what in [layer.output, *layer.next.values(), *layer.signals.values()]:
        if what not in layer.results:
            raise ParameterError(f"`{layer.name}` must name results of its body, but names `{what}`")
    for name in layer.states.keys() & layer.signals.keys():
        if layer.signals[name] != layer.next[name]:
            raise ParameterError(
                f"the signal `{full_name(layer.name, name)}` must be what the state of that name becomes, "
                f"`{layer.next[name]}`, not `{layer.signals[name]}`"
            )


def _check_feed(place: str, operation: Feed, layer: UnitLayer) -> None:
    _number(f"{place}.feed", operation.feed, 0, len(layer.feeds) - 1)


def _check_state(place: str, operation: StateBefore, layer: UnitLayer) -> None:
    _known(f"{place}.state", operation.state, layer.states)


def _check_constant(place: str, operation: Constant, layer: UnitLayer) -> None:
    _known(f"{place}.constant", operation.constant, layer.constants)


def _check_shift(place: str, operation: ShiftLeft | RoundShift, _layer: UnitLayer) -> None:
    _number(f"{place}.shift", operation.shift, 0, MAX_BITS)


def _check_lookup(place: str, operation: Lookup, layer: UnitLayer) -> None:
    if not operation.tables:
        raise ParameterError(f"`{place}` must name at least one table, and names none")
    for name in operation.tables:
        _known(f"{place}.tables", name, layer.tables)
    tables = [layer.tables[name] for name in operation.tables]
    if len({table.grid for table in tables}) > 1:
        raise ParameterError(f"the tables of `{place}` must share start, shift and segments")
    if (operation.index is None) != (len(tables) == 1):
        raise ParameterError(f"`{place}` must have an index if, and only if, it has several tables")
    if operation.index is not None:
        _known(f"{place}.index", operation.index, layer.constants)
        found = extremes(layer.constants[operation.index])
        _between(f"{place}.index", found, 0, len(tables) - 1)


_CHECKS: Mapping[type[Any], Callable[[str, Any, UnitLayer], None]] = MappingProxyType(
    {
        Feed: _check_feed,
        StateBefore: _check_state,
        Constant: _check_constant,
        ShiftLeft: _check_shift,
        RoundShift: _check_shift,
        Lookup: _check_lookup,
    }
)


def _known(name: str, found: str, known: Mapping[str, object]) -> None:
    if found not in known:
        raise ParameterError(f"`{name}` must be one of {', '.join(known) or 'none'}, not `{found}`")


def _unique(place: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"`{place}` must hold each name once, but holds `{name}` again")


def _number(name: str, value: int, lo: int, hi: int) -> None:
    if not lo <= value <= hi:
        raise ParameterError(f"`{name}` must lie in {lo}..{hi}, not be {value}")


def _vector(name: str, values: Integers, units: int, lo: int, hi: int) -> None:
    if values.shape not in ((1,), (units,)):
        raise ParameterError(f"`{name}` must have the shape [1] or [{units}], not {list(values.shape)}")
    _between(name, extremes(values), lo, hi)


def _between(name: str, found: tuple[int, int], lo: int, hi: int) -> None:
    if found[0] < lo or found[1] > hi:
        raise ParameterError(f"`{name}` must lie in {lo}..{hi}, not in {found[0]}..{found[1]}")
