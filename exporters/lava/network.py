"""The arithmetic of a graph in Python: a function for each layer, and what there is to know of it."""

from __future__ import annotations

import json

from exporters.emitter import Emitter
from quantize.graph.layers import Graph, UnitLayer, full_name
from quantize.program.label import Label

from .connections import hears, remembers
from .names import function, local
from .operations import Scope, written
from .text import comment

__all__ = ["network_text"]

_HEAD = '''\
"""What a step of each layer does, in whole numbers: a line for each operation of the program."""
'''

_IMPORTS = """\

from pathlib import Path

import numpy as np
from arithmetic import *
from layers import Data, Layer, Network, Step, whole

DATA = Data(Path(__file__).with_name("data.json"))\
"""


def network_text(graph: Graph, label: Label) -> str:
    """The file `network.py` of `graph`, which is proven."""
    text = Emitter()
    text(_HEAD.rstrip())
    text(comment(f"Program {label.digest}, for {label.device}, by expifref {label.tool_version}."))
    for line in _IMPORTS.splitlines():
        text(line)
    for layer in graph.layers:
        _write_step(text, layer)
    _write_facts(text, graph)
    return str(text)


def _write_step(text: Emitter, layer: UnitLayer) -> None:
    text()
    text()
    text(f"def {function(layer.name)}(shape, now, past, state, weight):")
    with text.indent():
        text(f'"""A step of `{layer.name}`, {layer.units} units."""')
        scope = Scope(layer)
        for operation in layer.body:
            text(written(operation, scope))
        text(f"output = whole({local(layer.output)}, shape)")
        for what, names in (("state", layer.next), ("signals", layer.signals)):
            text(f"{what} = {{")
            with text.indent():
                for key, result in names.items():
                    text(f'"{key}": whole({local(result)}, shape),')
            text("}")
        text("return Step(output, state, signals)")


def _write_facts(text: Emitter, graph: Graph) -> None:
    fmt = graph.input.format
    text()
    text()
    text("NETWORK = Network(")
    with text.indent():
        text(f"inputs={graph.input.channels},")
        text(f"range=({fmt.lo}, {fmt.hi}),")
        text("layers={")
        with text.indent():
            for layer in graph.layers:
                _write_layer(text, layer)
        text("},")
        text(f'output="{graph.output}",')
        text("data=DATA,")
    text(")")


def _write_layer(text: Emitter, layer: UnitLayer) -> None:
    text(f'"{layer.name}": Layer(')
    with text.indent():
        text(f"units={layer.units},")
        text(f"step={function(layer.name)},")
        text(f"hears={json.dumps(hears(layer))},")
        text(f"remembers={json.dumps(remembers(layer))},")
        text(f"weights={len(layer.feeds)},")
        for what, names in (("states", layer.states), ("signals", layer.signals)):
            text(f"{what}={{")
            with text.indent():
                for key in names:
                    text(f'"{key}": "{full_name(layer.name, key)}",')
            text("},")
    text("),")
