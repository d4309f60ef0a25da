"""The devices as Markdown: FPGAs and microcontrollers, each figure beside what others reach."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .figures import count, number
from .fpga_rows import NETWORK, STEPS, FpgaRow, newest
from .records import CORES, FPGAS

__all__ = ["device_sections", "recorded"]

_FOLDER = Path(__file__).parents[1]

_LEAST_PER_LUT = 1.5
"""Goal of images a second for each LUT, over the best of others."""

_FPGA_GOALS: Mapping[str, str] = {
    "ecp5-25f": ">= 10,000 images/s",
    "ecp5-85f": ">= 25,000 images/s",
    "ice40-up5k": ">= 4,000 images/s",
    "artix7-35t": "<= 2,500 clocks",
}

_FPGA_METHOD = """\
Not timed in this run: `benchmarks/fpga.py` wrote `benchmarks/fpga_results.json`. Clocks are those of
Verilator on Fashion-MNIST, MHz the median of three seeds of nextpnr. The others' data, networks and steps
are their own, and so are their LUTs; their figures are those of the sources."""

_CORES = {"cortex-m4": "Cortex-M4", "cortex-m0": "Cortex-M0", "arm968": "ARM968", "rv32imac": "RV32IMAC"}
_COUNTS = ("each synaptic event", "each neuron update", "each held value")


def recorded() -> dict[str, Any]:
    """What was measured with the devices' tools before, by the names of its files; a file may be missing."""
    names = ("fpga_results", "measurements")
    files = {name: _FOLDER / f"{name}.json" for name in names}
    return {
        name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items() if file.exists()
    }


def device_sections(found: Mapping[str, Any]) -> list[str]:
    """Lines of the sections of FPGAs and of microcontrollers, from what `recorded` gives."""
    return [*_fpga(newest(found.get("fpga_results", ()))), "", *_cores(found.get("measurements"))]


def _fpga(rows: Sequence[FpgaRow]) -> Iterator[str]:
    yield f"## FPGAs: {'-'.join(map(str, NETWORK))}, weights of 8 bits, an image of {STEPS} steps"
    yield ""
    yield _FPGA_METHOD
    yield ""
    yield "| design | part | clocks | MHz | images/s | LUT | multipliers | block RAM | images/s per LUT | |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        used = [count(row.used.get(what)) for what in ("LUT", "multipliers", "block RAM")]
        cells = (
            f"expifref, {row.form}",
            row.profile,
            *map(number, (row.clocks, row.mhz, row.per_second)),
            *used,
            number(row.per_lut),
            f"{row.date}; goal {_FPGA_GOALS[row.profile]}",
        )
        yield f"| {' | '.join(cells)} |"
    if not rows:
        yield "| expifref | not run | | | | | | | | |"
    for record in FPGAS:
        yield (
            f"| {record.name} ({record.task}) | {record.part} | | | {number(record.per_second)} "
            f"| {count(record.luts)} | | | {number(record.per_lut)} | {record.source} |"
        )
    yield ""
    best = max((row.per_lut for row in rows if row.per_lut is not None), default=None)
    others = max(record.per_lut for record in FPGAS if record.per_lut is not None)
    yield (
        f"Images a second for each LUT: {number(best) or 'not run'}, of others at most {number(others)}; "
        f"the goal is {_LEAST_PER_LUT:g}."
    )


def _cores(document: Mapping[str, Any] | None) -> Iterator[str]:
    yield "## Microcontrollers: instructions in QEMU"
    yield ""
    if document is None:
        yield "Not run: `expifref measure` writes `benchmarks/measurements.json`."
        return
    yield f"Not counted in this run: `expifref measure` did on {document['date']}, of the network with"
    yield "currents in [c.md](c.md#measured), which has those of spikes as well. QEMU counts instructions,"
    yield "not cycles."
    yield ""
    yield f"| core | layer | {' | '.join(_COUNTS)} |"
    yield f"|---|---|{'---|' * len(_COUNTS)}"
    for key, core in _CORES.items():
        measured = document["measured"].get(key, {"instructions": {}})
        for layer, counts in measured["instructions"].items():
            yield f"| {core} | {layer} | {' | '.join(number(counts.get(what)) for what in _COUNTS)} |"
    yield ""
    yield "Of instructions for an event or an update nothing published was found. What there is:"
    yield ""
    yield "| what | core | figure | source |"
    yield "|---|---|---|---|"
    for record in CORES:
        yield f"| {record.name} | {record.core} | {record.figure} | {record.source} |"
