"""A second description of a datapath: the list as it stands, each operation in words wide enough for all.

One combinational module; nothing is taken from what writes the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from quantize.graph.layers import Graph, SegmentTable, UnitLayer
from quantize.graph.operations import (
    Add,
    AtLeast,
    Constant,
    Feed,
    Lookup,
    Maximum,
    Minimum,
    Mul,
    Overflowed,
    RoundShift,
    Select,
    ShiftLeft,
    StateBefore,
    Sub,
)
from quantize.graph.passes import needed
from quantize.graph.proof import Proven, proof_of
from quantize.graph.segments import table_at
from quantize.numbers.formats import Overflow
from quantize.numbers.intervals import Interval

from .listing import interval_of, roots
from .memories import Files, hex_text
from .module import Module
from .words import Words

__all__ = ["REFERENCE", "inputs_of", "reference_module", "word_bits"]


def word_bits(graph: Graph) -> int:
    """Bits for every value and the ends of every format, and one for the sign of what is unsigned."""
    operations = [operation for layer in graph.layers for operation in layer.body]
    formats = [operation.format.bits for operation in operations if isinstance(operation, Overflowed)]
    return max(proof_of(graph).intermediate_bits, *formats, 1) + 2


def inputs_of(layer: UnitLayer) -> list[str]:
    """The inputs of the reference: accumulators, states and constants of one unit."""
    feeds = [f"feed_{index}" for index in range(len(layer.feeds))]
    states = [f"before_{name}" for name in layer.states]
    return [*feeds, *states, *(f"given_{name}" for name in layer.constants)]


def reference_module(files: Files, graph: Graph, layer: UnitLayer, proven: Mapping[str, Proven]) -> Module:
    """The module `LAYER_reference`; its tables go into `files`."""
    one = Module(f"{layer.name}_reference")
    scope = Words(one.text, word_bits(graph), layer, proven, files)
    e = one.text
    e("// The operations of the program, without a clock; every value in one width that holds them all.")
    e(f"module {one.name} (")
    with e.indent():
        for name in inputs_of(layer):
            e(f"input  logic signed [{scope.width - 1}:0] {name},")
        for name in layer.next:
            e(f"output logic signed [{scope.width - 1}:0] after_{name},")
        e(f"output logic signed [{scope.width - 1}:0] output_word,")
        e("output logic possible  // every value lies in the interval that is proven of it")
    e(");")
    with e.indent():
        # Signals too: the pipeline computes them, and a proof in parts cuts at their products.
        for operation in needed(layer, roots(layer)):
            REFERENCE[type(operation)](operation, scope)
        for name, result in layer.next.items():
            e(f"assign after_{name} = {scope.of(result)};")
        e(f"assign output_word = {scope.of(layer.output)};")
        e(f"assign possible = {' && '.join(scope.expected)};")
    e("endmodule")
    return one


def _feed(operation: Feed, scope: Words) -> None:
    scope.result(operation, f"feed_{operation.feed}")


def _state(operation: StateBefore, scope: Words) -> None:
    scope.result(operation, f"before_{operation.state}")


def _constant(operation: Constant, scope: Words) -> None:
    scope.result(operation, f"given_{operation.constant}")


def _infix(sign: str) -> Callable[[Any, Words], None]:
    def write(operation: Any, scope: Words) -> None:
        a, b = scope.operands(operation)
        scope.result(operation, f"{a} {sign} {b}")

    return write


def _mul(operation: Mul, scope: Words) -> None:
    a, b = ((scope.of(name), scope.bits(name)) for name in operation.of)
    scope.product(scope.of(operation.name), a, b, scope.proven[operation.name].interval)


def _extreme(sign: str) -> Callable[[Any, Words], None]:
    def write(operation: Any, scope: Words) -> None:
        a, b = scope.operands(operation)
        scope.result(operation, f"({a} {sign} {b}) ? {a} : {b}")

    return write


def _at_least(operation: AtLeast, scope: Words) -> None:
    a, b = scope.operands(operation)
    scope.result(operation, f"({a} >= {b}) ? {scope.number(1)} : {scope.number(0)}")


def _select(operation: Select, scope: Words) -> None:
    condition, a, b = scope.operands(operation)
    scope.result(operation, f"({condition} != {scope.number(0)}) ? {a} : {b}")


def _shift_left(operation: ShiftLeft, scope: Words) -> None:
    (a,) = scope.operands(operation)
    scope.result(operation, f"{a} <<< {operation.shift}")


def _round_shift(operation: RoundShift, scope: Words) -> None:
    (a,) = scope.operands(operation)
    scope.result(operation, scope.rounded(a, operation.shift, operation.rounding))


def _overflow(operation: Overflowed, scope: Words) -> None:
    (a,) = scope.operands(operation)
    fmt, number = operation.format, scope.number
    lo, hi = number(fmt.lo), number(fmt.hi)
    if operation.overflow is Overflow.SAT:
        scope.result(operation, f"{a} > {hi} ? {hi} : {a} < {lo} ? {lo} : {a}")
        return
    scope.result(operation, f"(({a} - ({lo})) & {number((1 << fmt.bits) - 1)}) + ({lo})")


def _lookup(operation: Lookup, scope: Words) -> None:
    (a,) = scope.operands(operation)
    tables = [scope.layer.tables[table] for table in operation.tables]
    name, first = scope.of(operation.name), tables[0]
    start, stop = scope.number(first.start), scope.number(first.stop)
    scope.word(f"{name}_C", f"{a} > ({start}) ? {a} : {start}")
    scope.word(f"{name}_I", f"({name}_C - ({start})) >>> {first.shift}")
    scope.word(f"{name}_R", f"({name}_C - ({start})) - ({name}_I <<< {first.shift})")
    scope.e(f"logic {name}_RIGHT;")
    scope.e(f"assign {name}_RIGHT = {name}_C >= ({stop});")
    segments = [_segment(scope, name, index, table) for index, table in enumerate(tables)]
    rise = scope.word(f"{name}_RISE", _chosen(operation, scope, [rise for _, rise in segments]))
    rises = interval_of(np.concatenate([np.diff(table.values) for table in tables])).with_zero
    rest = (1 << first.shift) - 1
    factors = (rise, rises.bits), (f"{name}_R", first.shift + 1)
    product = scope.product(f"{name}_PRODUCT", *factors, Interval(rises.lo * rest, rises.hi * rest))
    values = [
        f"({left} + ({scope.rounded(product, table.shift, table.rounding)}))"
        for (left, _), table in zip(segments, tables, strict=True)
    ]
    scope.result(operation, _chosen(operation, scope, values))


def _segment(scope: Words, name: str, index: int, table: SegmentTable) -> tuple[str, str]:
    """The left end and the rise of a segment of one of the tables.

    Right of it the place is its last code, where the table is a constant. Written as that constant and a
    rise of 0 the factors of the product are those of the pipeline, and the proof takes seconds.
    """
    fmt, part, number = table.format, f"{name}_{index}", scope.number
    file = f"{scope.layer.name}_reference_{name}_{index}.hex"
    scope.files[file] = hex_text(table.values.tolist(), fmt.bits)
    scope.e(f"logic [{fmt.bits - 1}:0] {part}_VALUES [0:{table.segments}];")
    scope.e(f'initial $readmemh("{file}", {part}_VALUES);')
    last = int(table_at(table, np.array([table.stop - 1]))[0])
    left = scope.word(f"{part}_L", _read(f"{part}_VALUES[{name}_I]", fmt.signed))
    right = scope.word(f"{part}_H", _read(f"{part}_VALUES[{name}_I + {number(1)}]", fmt.signed))
    start = scope.word(f"{part}_START", f"{name}_RIGHT ? {number(last)} : {left}")
    return start, scope.word(f"{part}_RISE", f"{name}_RIGHT ? {number(0)} : {right} - {left}")


def _chosen(operation: Lookup, scope: Words, ways: Sequence[str]) -> str:
    """That of the table which the index of the unit names."""
    chosen, *others = ways
    for index, way in enumerate(others, 1):
        chosen = f"given_{operation.index} == {scope.number(index)} ? {way} : {chosen}"
    return chosen


def _read(word: str, signed: bool) -> str:
    return f"$signed({word})" if signed else f"$signed({{1'b0, {word}}})"


REFERENCE: Mapping[type[Any], Callable[[Any, Words], None]] = MappingProxyType(
    {
        Feed: _feed,
        StateBefore: _state,
        Constant: _constant,
        Add: _infix("+"),
        Sub: _infix("-"),
        Mul: _mul,
        Minimum: _extreme("<="),
        Maximum: _extreme(">="),
        AtLeast: _at_least,
        Select: _select,
        ShiftLeft: _shift_left,
        RoundShift: _round_shift,
        Overflowed: _overflow,
        Lookup: _lookup,
    }
)
