"""`expifref export`: a program or a model in another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .output import print_json, print_table
from .speed import Hold, Lanes, Rate, wish_of

if TYPE_CHECKING:
    from exporters.systemverilog.throughput import Throughput
    from quantize.program.program import Program


def export(
    source: Annotated[
        Path, typer.Argument(help="A program (.json), or a model (.safetensors) for onnx-float.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", help="onnx, onnx-step, json, c, systemverilog, ulx3s, icebreaker, formal, or onnx-float."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write, or a folder.")],
    lanes: Lanes = None,
    hold: Hold = None,
    rate: Rate = None,
    json: Json = False,
) -> None:
    """Write a program as ONNX, C99, SystemVerilog or a deployment file, or a model as float ONNX."""
    from exporters.registry import MODEL_TARGETS, export_model, export_program

    speed = None
    if to in MODEL_TARGETS:
        from expifref.network.model_files import read_description

        export_model(read_description(source), to, out)
    else:
        from quantize.program.file import load_program

        program = load_program(source)
        speed = _speed(program, lanes, hold, rate)
        export_program(program, to, out, speed)
    summary = {"source": str(source), "target": to, "out": str(out), "bytes": _size(out)}
    if speed is not None:
        summary |= {"lanes": ", ".join(map(str, speed.lanes)), "hold": "yes" if speed.hold else "no"}
    if json:
        print_json(summary)
        return
    print_table("Export", [[key, value] for key, value in summary.items()])


def _speed(program: Program, lanes: str | None, hold: bool | None, rate: float | None) -> Throughput | None:
    """Of the hardware; None where nothing is said, which is the smallest."""
    from exporters.fpga.wishes import choose, worst_traffic

    if lanes is None and not hold and rate is None:
        return None
    wish = wish_of(lanes or (None if rate else "1"), hold if rate else bool(hold), rate)
    return choose(program, program.evidence.profile, wish, worst_traffic(program))


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
