"""A layer's memory on this machine, and what it is bound to before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.emitter import Emitter
from quantize.graph.operations import Lookup
from quantize.numbers.arrays import narrowest

from .fusions import tables_of
from .operations import Entry
from .plan import LayerPlan
from .sums import padded_units
from .words import c_type, hull, word

__all__ = ["Memory", "row_of", "write_bind", "write_units"]

_LINE = 64
"""Bytes to which rows of values are rounded up, as they are read by so many."""

_DTYPES: Mapping[str, np.dtype[Any]] = {"int32_t": np.dtype(np.int32), "int64_t": np.dtype(np.int64)}


@dataclass
class Memory:
    """The arrays that the machine reads where Python keeps them, by the numbers it knows them by."""

    arrays: list[NDArray[Any]] = field(default_factory=list)

    def slot(self, array: NDArray[Any]) -> str:
        """The C expression of the address of `array`."""
        self.arrays.append(np.ascontiguousarray(array))
        return f"constants[{len(self.arrays) - 1}]"


def row_of(units: int, dtype: np.dtype[Any]) -> int:
    """Elements of a row of `units` values that can be read in whole lines."""
    per_line = _LINE // dtype.itemsize
    return -(-padded_units(units) // per_line) * per_line


def write_units(text: Emitter, plan: LayerPlan) -> None:
    """The struct of all values of the layer's units."""
    text()
    text(f"struct {plan.layer.name}_UNITS {{")
    with text.indent():
        for one in plan.sums:
            text(f"ALIGNED {one.sum} sum{one.number}[{plan.columns}];")
            text(f"const {one.macros['WEIGHT']} *weight{one.number};")
            if one.is_mixed:
                row = row_of(one.feed.connection.sources, one.values)
                text(f"ALIGNED {c_type(one.values)} seen{one.number}[{row}];")
                text(f"const int16_t *delay{one.number};")
        for name, kind in plan.arrays.items():
            text(f"ALIGNED {kind} {name}[{plan.columns}];")
        for name, values in plan.constants.items():
            text(f"ALIGNED {word(hull(values))} constant_{name}[{plan.columns}];")
        for name, table in _tables(plan):
            text(f"const {c_type(table.dtype)} *table_{name};")
        text(f"ALIGNED {c_type(plan.output)} output[{row_of(plan.layer.units, plan.output)}];")
    text("};")


def write_bind(text: Emitter, plan: LayerPlan, memory: Memory) -> None:
    """The function that gives the struct its constants, which `memory` keeps."""
    name = plan.layer.name
    text()
    text(f"static void {name}_BIND(struct {name}_UNITS *s, const void *const *constants)")
    text("{")
    with text.indent():
        for one in plan.sums:
            text(f"s->weight{one.number} = {memory.slot(one.weight)};")
            if one.is_mixed:
                text(f"s->delay{one.number} = {memory.slot(one.feed.delay.astype(np.int16))};")
        for constant, values in plan.constants.items():
            # What is added to whole vectors is like the last unit, so that the proof holds for it.
            padded = np.pad(values, (0, plan.columns - len(values)), "edge")
            given = memory.slot(padded.astype(_DTYPES[word(hull(values))]))
            text(f"memcpy(s->constant_{constant}, {given}, sizeof s->constant_{constant});")
        for table, entries in _tables(plan):
            text(f"s->table_{table} = {memory.slot(entries)};")
    text("}")


def _tables(plan: LayerPlan) -> Iterator[tuple[str, NDArray[Any]]]:
    for operation in plan.operations:
        if isinstance(operation, Entry):
            yield operation.name, operation.table
        if isinstance(operation, Lookup):
            values = np.concatenate([table.values for table in tables_of(plan.layer, operation)[0]])
            yield operation.name, values.astype(narrowest(values))
