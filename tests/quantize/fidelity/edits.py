"""Programs with something changed in the layers of their graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format
from quantize.program.program import Program
from tests.edits import changed, made, per_unit

__all__ = ["Edit", "constant", "edited", "frac_of", "narrowed", "table_values"]

Edit = Callable[[UnitLayer], UnitLayer]


def edited(program: Program, edit: Edit, index: int | None = None) -> Program:
    """`program` with the layer of that index changed, or with all that spike."""
    layers = list(program.graph.layers)
    chosen = [i for i, layer in enumerate(layers) if "spikes" in layer.signals] if index is None else [index]
    for i in chosen:
        layers[i] = edit(layers[i])
    return replace(program, graph=replace(program.graph, layers=tuple(layers)))


def constant(name: str, change: Callable[[Integers, UnitLayer], Integers]) -> Edit:
    """Gives a constant, one value for each unit, other values."""

    def edit(layer: UnitLayer) -> UnitLayer:
        values = per_unit(layer, name).copy()
        return replace(layer, constants=layer.constants | {name: frozen(change(values, layer))})

    return edit


def narrowed(layer: UnitLayer, name: str, bits: int) -> UnitLayer:
    """`layer` with an overflow to a word that has so many bits less."""
    fmt: Format = made(layer, name).format
    return changed(layer, name, format=replace(fmt, bits=fmt.bits - bits))


def frac_of(layer: UnitLayer, name: str) -> int:
    """Fraction bits of the format that an overflow brings to."""
    return int(made(layer, name).format.frac)


def table_values(prefix: str, change: Callable[[Integers], Integers]) -> Edit:
    """Gives the tables whose names begin with `prefix` other values."""

    def edit(layer: UnitLayer) -> UnitLayer:
        tables = {
            name: replace(table, values=frozen(change(table.values))) if name.startswith(prefix) else table
            for name, table in layer.tables.items()
        }
        return replace(layer, tables=tables)

    return edit
