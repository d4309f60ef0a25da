"""`expifref measure`: what a program takes on a device."""

from __future__ import annotations

import datetime
import json as json_module
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expifref.exceptions import ParameterError

from .options import DataDir, Json, Limit, Seed
from .output import print_json, print_table, print_text
from .progress import say
from .speed import Hold, Lanes, Pipelines, Rate, wish_of

if TYPE_CHECKING:
    from exporters.fpga import Asked, Wish
    from quantize.program.program import Program
    from quantize.run.trace import Spikes

    from .inputs import Source

__all__ = ["SAMPLES", "asked_on", "differs", "measure"]

SAMPLES = 16
"""That are simulated unless another number is asked for."""


def measure(
    program: Annotated[Path, typer.Argument(help="A program (.json).")],
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", help="What to measure; give it once per name. Without it: all that takes no minutes."
        ),
    ] = None,
    lanes: Lanes = None,
    pipelines: Pipelines = None,
    hold: Hold = None,
    rate: Rate = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", help="Inputs for an FPGA, as of `emulate`; random ones without any."),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", help="Test samples for an FPGA instead of --input.")
    ] = None,
    samples: Limit = SAMPLES,
    seed: Seed = 0,
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the results (.json).")] = None,
    json: Json = False,
) -> None:
    """Count instructions and bytes on microcontrollers, analyse the C, simulate and place the SystemVerilog.

    Names for --on: cortex-m4, cortex-m0, arm968, rv32imac (in QEMU), frama-c; ecp5-25f, ecp5-85f,
    ice40-up5k (clocks of a sample, cells and clock rate, in minutes), artix7-35t (without clock rate).
    An FPGA has the fastest design that fits, unless --lanes or --target say otherwise, and an input that is
    held where all samples stay the same over their steps. Exit 1 where a bit differs from the emulator.
    """
    from expifref.files.writing import require_writable, write_text
    from exporters.measurements import MEASUREMENTS, missing_measurements, require_measurement
    from exporters.measurements import measure as run
    from quantize.program.file import digest, load_program

    from .inputs import Source

    if input_file is not None and dataset is not None:
        raise ParameterError("the inputs must come from one of `--input` and `--dataset`: give one only")
    for name in on or ():
        require_measurement(name)
    of_fpgas = {"--lanes": lanes, "--pipelines": pipelines, "--hold": hold, "--target": rate}
    _require_fpga(on or (), of_fpgas | {"--input": input_file, "--dataset": dataset})
    loaded, wish = load_program(program), wish_of(lanes, pipelines, hold, rate)
    if out is not None:
        require_writable(out)
    source = Source(input_file, dataset, data_dir, seed, samples)
    missing = {} if on else missing_measurements()
    not_run = missing | ({} if on else _minutes(missing))
    names = dict.fromkeys(on or []) or [name for name in MEASUREMENTS if name not in not_run]
    measured = {name: run(loaded, name, asked_on(name, source, wish)) for name in names}
    result = {
        "schema": "expifref/measurements/1",
        "program": digest(loaded),
        "date": datetime.date.today().isoformat(),
        "measured": measured,
        "not_run": not_run,
    }
    if out is not None:
        write_text(out, json_module.dumps(result, indent=2) + "\n")
    if json:
        print_json(result)
    else:
        _print(measured, not_run)
    if differs(measured):
        raise typer.Exit(1)


def _require_fpga(names: Collection[str], given: Mapping[str, object]) -> None:
    """Raise ParameterError where an option is `given` that no measurement of `names` looks at."""
    from exporters.fpga import PARTS

    found = [option for option, value in given.items() if value is not None]
    if found and not any(name in PARTS for name in names):
        raise ParameterError(
            f"{', '.join(found)} must come with an FPGA: name one with --on, one of {', '.join(PARTS)}"
        )


def asked_on(name: str, source: Source, wish: Wish) -> Asked:
    """What is asked of the measurement `name`; on a terminal it says what it does."""
    from exporters.fpga import Asked

    def spikes(program: Program) -> Spikes:
        inputs = source.inputs(program)
        return inputs.frames(slice(0, inputs.samples))(slice(None))

    return Asked(spikes, wish, lambda what: say(f"{name}: {what}"))


def differs(measured: dict[str, dict[str, Any]]) -> bool:
    """Whether a design gave other bits than the emulator."""
    return any(found.get("differing_bits") for found in measured.values())


def _minutes(missing: dict[str, str]) -> dict[str, str]:
    """Those that are made only where they are asked for, and why."""
    from exporters.measurements import MEASUREMENTS

    return {
        name: f"takes minutes: ask for it with --on {name}"
        for name, row in MEASUREMENTS.items()
        if row.minutes and name not in missing
    }


def _print(measured: dict[str, dict[str, Any]], not_run: dict[str, str]) -> None:
    not_measured = dict(not_run)
    for name, found in measured.items():
        lacking: dict[str, str] = found.get("not_measured", {})
        rows = {key: value for key, value in found.items() if key != "not_measured"}
        print_table(name, [[key, value] for key, value in _flat(rows)])
        not_measured |= {f"{what} on {name}": why for what, why in lacking.items()}
    for name, why in not_measured.items():
        print_text(f"not measured: {name} ({why})")


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for key, value in values.items():
        name = f"{prefix}{key}".replace("_", " ")
        rows += _flat(value, f"{name}: ") if isinstance(value, dict) else [(name, _cell(value))]
    return rows


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
