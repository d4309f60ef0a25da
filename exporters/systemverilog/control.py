"""Counters and shift registers that several modules need."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.emitter import Emitter

from .values import clog2

__all__ = ["Sweep", "clearing", "counter", "delayed", "under_way"]

_SHORTEST_COUNT = 3
"""Clocks from which on a counter is smaller than the registers that delay an index."""


def counter(e: Emitter, name: str, enable: str, units: int) -> None:
    """An index below `units` that `enable` advances, and that wraps."""
    e(f"logic [{clog2(units) - 1}:0] {name};")
    _count(e, name, enable, units)


def _count(e: Emitter, name: str, enable: str, units: int) -> None:
    """The register of a counter that is declared already."""
    width = clog2(units)
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (rst) {name} <= '0;")
        wrapped = f"({name} == {width}'d{units - 1}) ? '0 : {name} + 1'b1"
        e(f"else if ({enable}) {name} <= {wrapped};")
    e()


def clearing(e: Emitter, units: int) -> None:
    """`clearing` is up while `cleared` runs over the states of all units, once after each reset."""
    width = clog2(units) + 1
    e(f"logic [{width - 1}:0] cleared;")
    e("logic clearing;")
    e(f"assign clearing = cleared != {width}'d{units};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) cleared <= '0;")
        e("else if (clearing) cleared <= cleared + 1'b1;")
    e()


def under_way(e: Emitter, depth: int) -> None:
    """`active` says at which stages weights are under way; without them a tick is `settled`."""
    e(f"logic [{depth}:1] active;  // weights on their way to the accumulators")
    e("assign settled = state == SETTLE && active == '0;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) active <= '0;")
        e(f"else     active <= {{active[{depth - 1}:1], issue}};")
    e()


def delayed(e: Emitter, name: str, bits: int, depth: int) -> list[str]:
    """What `name` was one to `depth` clocks ago, in this order."""
    names = [f"{name}_{n}" for n in range(1, depth + 1)]
    e(f"logic [{bits - 1}:0] {', '.join(names)};")
    old, new = ", ".join(reversed(names)), ", ".join([*reversed(names[:-1]), name])
    e(f"always_ff @(posedge clk) {{{old}}} <= {{{new}}};")
    return names


@dataclass
class Sweep:
    """The units of a step, one a clock: which of them is at a stage, and whether there is one."""

    units: int
    latency: int
    _indices: dict[int, str] = field(default_factory=lambda: {0: "sweep_index"})

    def write(self, e: Emitter) -> None:
        """Drive `sweep_valid` and `sweep_index`: all units once when `settled`, no more until `step_done`."""
        last = f"{clog2(self.units)}'d{self.units - 1}"
        e("// Once all feeds are settled the units pass, one a clock.")
        e("logic swept;")
        _count(e, "sweep_index", "sweep_valid", self.units)
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (rst || step_done) swept <= 1'b0;")
            e("else if (sweep_valid) swept <= 1'b1;")
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (rst) sweep_valid <= 1'b0;")
            e(f"else if (sweep_valid) sweep_valid <= sweep_index != {last};")
            e("else sweep_valid <= settled && !swept && !step_done;")
        e(f"logic [{self.latency}:1] in_flight;  // stages at which there is a unit")
        shifted = "sweep_valid" if self.latency == 1 else f"{{in_flight[{self.latency - 1}:1], sweep_valid}}"
        e("always_ff @(posedge clk)")
        with e.indent():
            e("if (rst) in_flight <= '0;")
            e(f"else     in_flight <= {shifted};")
        e()

    def valid(self, stage: int) -> str:
        """Whether there is a unit at `stage`."""
        return "sweep_valid" if stage == 0 else f"in_flight[{stage}]"

    def index(self, e: Emitter, stage: int) -> str:
        """The unit at `stage`."""
        if stage not in self._indices:
            name = f"index_{stage}"
            nearest = max(earlier for earlier in self._indices if earlier < stage)
            if stage - nearest < _SHORTEST_COUNT:
                before = self.index(e, stage - 1)
                e(f"logic [{clog2(self.units) - 1}:0] {name};")
                e(f"always_ff @(posedge clk) {name} <= {before};")
            else:
                counter(e, name, self.valid(stage), self.units)
            self._indices[stage] = name
        return self._indices[stage]

    def place(self, e: Emitter, stage: int, period: int) -> str:
        """The unit at `stage`, counted anew after every `period` units, which divide their number."""
        if period == self.units:
            return self.index(e, stage)
        name = f"place_{stage}"
        counter(e, name, self.valid(stage), period)
        return name
