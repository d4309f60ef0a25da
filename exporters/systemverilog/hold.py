"""Sums that are held: what a feed gave for the last input, again for each step that has the same input.

It stands between a core and a feed. A tick with `hold` is a step with the input of the one before; such steps
are counted, and run on the sums that were kept, while the feed already adds up the next input. That is exact,
because sums are integers and nothing of them is rounded before they are read.
"""

from __future__ import annotations

from itertools import pairwise

from exporters.emitter import Emitter

from .module import RESET, Module, input_port, module, output_port
from .values import Value, clog2, flag

__all__ = ["held_wires", "hold_module", "hold_name"]

_WAITING_BITS = 8
"""Bits of the count of steps that wait."""


def hold_name(feed: str) -> str:
    """Name of the module that holds what `feed` gives."""
    return f"{feed}_hold"


def held_wires(index: int) -> dict[str, str]:
    """Ports of the module towards feed `index`, without their `feed_` -> signals in the core."""
    names = ("valid", "ready", "step_done", "settled", "sweep_valid", "sum")
    return {name: f"held{index}_{name}" for name in names}


def hold_module(feed: str, units: int, accumulator: Value, leaves: int, small: bool) -> Module:
    """The module; `feed` gives a sum `leaves` clocks after its unit is named, this one a clock later.

    `small`: the sums go into logic cells, because the block RAM is for weights.
    """
    one, index = Module(hold_name(feed)), clog2(units)
    e = one.text
    given = Value("feed_sum", accumulator.interval, leaves)
    sums = Value("sum", accumulator.interval, leaves + 1)
    ports = [
        RESET,
        *map(input_port, _flags("in_valid", "in_tick", "in_hold")),
        output_port(flag("in_ready", 0)),
    ]
    ports += [output_port(flag("feed_valid", 0)), input_port(flag("feed_ready", 0))]
    ports += [*map(input_port, _flags("step_done", "feed_settled", "sweep_valid"))]
    ports += [*map(output_port, _flags("feed_step_done", "settled", "feed_sweep_valid"))]
    ports += [f"input  logic [{index - 1}:0] sweep_index", input_port(given), output_port(sums)]
    with module(e, one.name, ports, [f"The sums of {feed}, held for the steps that repeat its input."]):
        _steps(e)
        width = accumulator.width
        names = ["sweep_index", *(f"index_{n}" for n in range(1, leaves + 1))]
        e(f"logic [{index - 1}:0] {', '.join(names[1:])};")
        e(f"logic [{leaves}:1] passing;  // sums of the feed on their way")
        e("always_ff @(posedge clk) begin")
        with e.indent():
            passing = f"{{passing[{leaves - 1}:1], feed_sweep_valid}}" if leaves > 1 else "feed_sweep_valid"
            e(f"passing <= {passing};")
            for before, after in pairwise(names):
                e(f"{after} <= {before};")
        e("end")
        if small:
            e('(* ram_style = "distributed" *)')
        e(f"logic signed [{width - 1}:0] kept [0:{max(units, 2) - 1}];")
        e(f"logic signed [{width - 1}:0] word;")
        e(f"always_ff @(posedge clk) if (passing[{leaves}]) kept[{names[leaves]}] <= feed_sum;")
        e(f"always_ff @(posedge clk) word <= kept[{names[leaves - 1]}];")
        e("always_ff @(posedge clk) sum <= fresh ? feed_sum : word;")
    return one


def _flags(*names: str) -> list[Value]:
    return [flag(name, 0) for name in names]


def _steps(e: Emitter) -> None:
    """Whether the step is `fresh`, the one of a tick of the feed, and how many repeat its input and wait."""
    e("logic fresh, hold, waits;")
    e(f"logic [{_WAITING_BITS - 1}:0] repeats;  // steps that repeat the last input and have not run")
    e("assign hold = in_tick && in_hold;")
    e("assign waits = in_tick && repeats != '0;")
    e("assign in_ready = hold ? repeats != '1 : feed_ready && !waits;")
    e("assign feed_valid = in_valid && !hold && !waits;")
    e("assign settled = fresh ? feed_settled : repeats != '0;")
    e("assign feed_step_done = step_done && fresh;")
    e("assign feed_sweep_valid = sweep_valid && fresh;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) fresh <= 1'b0;")
        e("else if (feed_valid && feed_ready && in_tick) fresh <= 1'b1;")
    e("logic one_more, one_less;")
    e("assign one_more = in_valid && hold && repeats != '1;")
    e("assign one_less = step_done && !fresh;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) repeats <= '0;")
        e("else if (one_more && !one_less) repeats <= repeats + 1'b1;")
        e("else if (one_less && !one_more) repeats <= repeats - 1'b1;")
