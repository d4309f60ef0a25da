"""Programs with something changed in the layers of their graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format
from quantize.program.program import Program

__all__ = ["Edit", "constant", "edited", "frac_of", "narrowed", "operation", "shift_of", "table_values"]

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
        values = np.broadcast_to(layer.constants[name], layer.units).copy()
        return replace(layer, constants=layer.constants | {name: frozen(change(values, layer))})

    return edit


def operation(layer: UnitLayer, name: str, **changes: Any) -> UnitLayer:
    """`layer` with other parameters in one operation."""
    body = tuple(replace(one, **changes) if one.name == name else one for one in layer.body)
    return replace(layer, body=body)


def narrowed(layer: UnitLayer, name: str, bits: int) -> UnitLayer:
    """`layer` with an overflow to a word that has so many bits less."""
    fmt: Format = vars(layer.results[name])["format"]
    return operation(layer, name, format=replace(fmt, bits=fmt.bits - bits))


def shift_of(layer: UnitLayer, name: str) -> int:
    """How many bits an operation drops; it is left out where that is 0."""
    return int(vars(layer.results[name])["shift"]) if name in layer.results else 0


def frac_of(layer: UnitLayer, name: str) -> int:
    """Fraction bits of the format that an overflow brings to."""
    return int(vars(layer.results[name])["format"].frac)


def table_values(prefix: str, change: Callable[[Integers], Integers]) -> Edit:
    """Gives the tables whose names begin with `prefix` other values."""

    def edit(layer: UnitLayer) -> UnitLayer:
        tables = {
            name: replace(table, values=frozen(change(table.values))) if name.startswith(prefix) else table
            for name, table in layer.tables.items()
        }
        return replace(layer, tables=tables)

    return edit
