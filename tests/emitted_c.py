"""Small layers, and the C that is emitted of them."""

from __future__ import annotations

import numpy as np

from exporters.c.network import c_files
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, UnitLayer
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format
from quantize.program.label import Label

__all__ = ["LABEL", "small", "source_of"]

LABEL = Label("sha256:0", "0", "none", "rate", 1e-3, 10)


def small(feeds: int = 1) -> tuple[Body, tuple[LayerFeed, ...]]:
    """An empty body, and feeds of two inputs to two units."""
    dense = Dense(codes(np.array([[100, -100], [27, 28]])), Format(True, 8, 0), Format(True, 16, 0))
    return Body(), tuple(LayerFeed(INPUT, dense, frozen([0])) for _ in range(feeds))


def source_of(layer: UnitLayer, bits: int = 1) -> str:
    """`network.c` of a network of two inputs and this layer."""
    return c_files(Graph(Port(2, Format(False, bits, 0)), (layer,), layer.name), LABEL)["network.c"]
