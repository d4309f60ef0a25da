"""`expifref measure`: what a program takes on a device."""

from __future__ import annotations

import datetime
import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from .options import Json
from .output import print_json, print_table, print_text


def measure(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    on: Annotated[
        list[str] | None,
        typer.Option("--on", help="What to measure; give it once per name. Without it: all that can be."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the results (.json).")] = None,
    json: Json = False,
) -> None:
    """Count instructions and bytes on microcontrollers, analyse the C, synthesise the SystemVerilog.

    Names for --on: cortex-m4, cortex-m0, arm968, rv32imac (in QEMU), frama-c.
    """
    from expifref.files.writing import require_writable, write_text
    from exporters.measurements import MEASUREMENTS, missing_measurements
    from exporters.measurements import measure as run
    from quantize.program.file import digest, load_program

    loaded = load_program(program)
    if out is not None:
        require_writable(out)
    missing = missing_measurements()
    names = on or [name for name in MEASUREMENTS if name not in missing]
    measured = {name: run(loaded, name) for name in names}
    result = {
        "schema": "expifref/measurements/1",
        "program": digest(loaded),
        "date": datetime.date.today().isoformat(),
        "measured": measured,
        "not_run": {} if on else missing,
    }
    if out is not None:
        write_text(out, json_module.dumps(result, indent=2) + "\n")
    if json:
        print_json(result)
        return
    for name, found in measured.items():
        print_table(name, [[key, value] for key, value in _flat(found)])
    if not on:
        for name, why in missing.items():
            print_text(f"not measured: {name} ({why})")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        rows += _flat(value, f"{name}: ") if isinstance(value, dict) else [(name, value)]
    return rows
