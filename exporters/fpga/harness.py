"""Ports behind a shift register, so that a design with more ports than a package has pins can be placed."""

from __future__ import annotations

import re

from exporters.emitter import Emitter

__all__ = ["HARNESS", "harness"]

HARNESS = "harness"
"""Name of its module."""

_CONTROL = ("clk", "rst")


def harness(top: str, text: str) -> str:
    """A module with four pins around the last module, `top`, of `text`.

    Inputs come from a shift register, outputs go into another.
    """
    names = [name for _, name, _ in _ports(text)]
    ports = [port for port in _ports(text) if port[1] not in _CONTROL]
    inputs = sum(width for way, _, width in ports if way == "input")
    outputs = sum(width for way, _, width in ports if way == "output")
    e = Emitter()
    e(f"module {HARNESS} (input logic clk, input logic rst, input logic pin_in, output logic pin_out);")
    with e.indent():
        e(f"logic [{inputs - 1}:0] given;")
        e(f"logic [{outputs - 1}:0] seen, kept;")
        e(f"always_ff @(posedge clk) given <= {{given[{inputs - 2}:0], pin_in}};")
        e(f"always_ff @(posedge clk) kept <= pin_in ? seen : {{kept[{outputs - 2}:0], 1'b0}};")
        e(f"assign pin_out = kept[{outputs - 1}];")
        places = [f".{name}({name})" for name in _CONTROL if name in names]
        low = {"input": 0, "output": 0}
        for way, name, width in ports:
            bus = "given" if way == "input" else "seen"
            places.append(f".{name}({bus}[{low[way]} +: {width}])")
            low[way] += width
        e(f"{top} dut ({', '.join(places)});")
    e("endmodule")
    return str(e)


def _ports(text: str) -> list[tuple[str, str, int]]:
    """Direction, name and width of every port of the last module in `text`."""
    found = re.findall(
        r"^\s*(input|output)\s+logic (?:signed )?(?:\[(\d+):0\] )?(\w+)[,\s]", text, re.MULTILINE
    )
    return [(way, name, int(high or 0) + 1) for way, high, name in found]
