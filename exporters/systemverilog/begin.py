"""Samples one behind the other: a tick can begin one, and its step then starts from the initial states.

So no clock goes by for a reset, and a layer may be at the last sample while the one before it is at the next.
"""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.graph.layers import UnitLayer

from .memories import Field, Files, Rom
from .streams import BEGIN, HOLD, Stream
from .values import Value, extend, literal

__all__ = ["begins", "first_value"]


def begins(e: Emitter, stream: Stream, prefix: str) -> None:
    """`begins` is up in a step that the ticks of a feed said to be the first of a sample."""
    taken = " && ".join(f"{prefix}_{name}" for name in ("valid", "ready", "tick"))
    # The tick of a step that repeats an input comes while the one before still runs.
    own = f" && !{prefix}_{HOLD}" if HOLD in stream.marks else ""
    e("logic begins;  // the states are those of the start")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) begins <= 1'b0;")
        e(f"else if ({taken}{own}) begins <= {prefix}_{BEGIN};")
    e()


def first_value(e: Emitter, files: Files, layer: UnitLayer, name: str, read: tuple[Value, str]) -> str:
    """What state `name` is in a step that begins a sample.

    `read` is the state where it comes out of its memory, and the unit that is addressed a clock before.
    """
    before, address = read
    field = Field(f"first_{name}", layer.states[name].initial)
    if field.uniform:
        return literal(field.interval.lo, before.width)
    rom = Rom(f"firsts_{name}", f"{layer.name}_core_{name}.hex", (field,), max(layer.units, 2))
    files[rom.file] = rom.text()
    rom.write(e, address)
    return extend(rom.outputs(0)[0], before.width)
