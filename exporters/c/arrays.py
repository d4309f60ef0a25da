"""The arrays of one layer in C: its constants, tables and states, and the results that are left in some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from quantize.graph.layers import UnitLayer, full_name
from quantize.graph.operations import Constant, Feed, Lookup
from quantize.numbers.arrays import Integers

from .entries import Entry, declare_entries
from .fusions import ShiftedSum
from .plan import LayerPlan
from .unit import Array, Unit
from .widths import Width
from .words import Word, cast, literal, notation, range_of, storing

__all__ = ["LayerArrays", "declare_arrays"]


@dataclass(frozen=True)
class LayerArrays:
    """Where the numbers of a layer lie."""

    sums: Mapping[int, Array]  # of each feed
    states: Mapping[str, Array]
    initial: Mapping[str, str]  # state -> the expression for unit j
    own: Mapping[str, Array]  # of results
    constants: Mapping[str, Array]  # those with a value per unit
    addends: Mapping[str, Array]  # of sums that are rounded, those with a value per unit
    tables: Mapping[tuple[str, ...], Array]
    entries: Mapping[str, Entry]  # of lookups that have one for each code

    def of(self, layer: UnitLayer, result: str) -> Array:
        """Where `result` of `layer` is found after a step."""
        if result in self.own:
            return self.own[result]
        operation = layer.results[result]
        if isinstance(operation, Feed):
            return self.sums[operation.feed]
        return next(self.states[state] for state, after in layer.next.items() if after == result)


def declare_arrays(
    unit: Unit, layer: UnitLayer, plan: LayerPlan, widths: Mapping[str, Width], sums: Mapping[int, Array]
) -> LayerArrays:
    """Add everything that `plan` needs but the `sums` of the feeds, which are there."""
    constants, addends = _constants(unit, layer, plan), _addends(unit, layer, plan)
    entries = declare_entries(unit, layer, plan.operations, widths)
    tables = _tables(unit, layer, plan, entries)
    states, initial = {}, {}
    for name, state in layer.states.items():
        whole, reached = full_name(layer.name, name), range_of(state.format)
        states[name] = unit.variable(
            f"{layer.name}_{name}", storing(whole, reached), [layer.units], notation(state.format)
        )
        initial[name] = _initial(unit, f"{layer.name}_{name}_initial", state.initial, states[name].word)
    own = {}
    for result in plan.own:
        told = next((signal for signal, name in layer.signals.items() if name == result), result)
        lo, hi = widths[result].interval
        word = storing(full_name(layer.name, result), widths[result].interval)
        own[result] = unit.variable(f"{layer.name}_{told}", word, [layer.units], f"{lo}..{hi}")
    return LayerArrays(sums, states, initial, own, constants, addends, tables, entries)


def _constants(unit: Unit, layer: UnitLayer, plan: LayerPlan) -> dict[str, Array]:
    """Those whose values differ."""
    used: dict[str, None] = {}
    for operation in plan.operations:
        if isinstance(operation, Constant):
            used[operation.constant] = None
        if isinstance(operation, Lookup) and operation.index is not None:
            used[operation.index] = None
    return {
        name: unit.constants(f"{layer.name}_{name}", layer.constants[name])
        for name in used
        if not _alike(layer.constants[name])
    }


def _addends(unit: Unit, layer: UnitLayer, plan: LayerPlan) -> dict[str, Array]:
    sums = {o.name: o.values for o in plan.operations if isinstance(o, ShiftedSum)}
    return {
        name: unit.constants(f"{layer.name}_{name}_addend", values, "with half of what it is divided by")
        for name, values in sums.items()
        if not _alike(values)
    }


def _tables(
    unit: Unit, layer: UnitLayer, plan: LayerPlan, entries: Mapping[str, Entry]
) -> dict[tuple[str, ...], Array]:
    used = dict.fromkeys(o.tables for o in plan.operations if isinstance(o, Lookup) and o.name not in entries)
    return {tables: _table(unit, layer, tables) for tables in used}


def _table(unit: Unit, layer: UnitLayer, tables: tuple[str, ...]) -> Array:
    """The values of `tables`, one row each where there are several."""
    found = [layer.tables[name] for name in tables]
    values = found[0].values if len(found) == 1 else np.stack([table.values for table in found])
    functions = "; ".join(table.function for table in found)
    return unit.constants(f"{layer.name}_{tables[0]}", values, f"{notation(found[0].format)}: {functions}")


def _initial(unit: Unit, name: str, values: Integers, word: Word) -> str:
    if _alike(values):
        return literal(int(values[0]), word)
    array = unit.constants(name, values)
    return cast(f"{array.name}[j]", array.word, word)


def _alike(values: Integers) -> bool:
    return bool((values == values[0]).all())
