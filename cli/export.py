"""`expifref export`: a program or a model in another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from expifref.exceptions import ParameterError

from .options import Json
from .output import print_json, print_table

if TYPE_CHECKING:
    from exporters.systemverilog.throughput import Throughput
    from quantize.program.program import Program


def export(
    source: Annotated[
        Path, typer.Argument(help="A program (.json), or a model (.safetensors) for onnx-float and nir.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="onnx, onnx-step, json, c, systemverilog, ulx3s, icebreaker, formal, onnx-float, or nir.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write, or a folder.")],
    lanes: Annotated[
        str | None,
        typer.Option("--lanes", help="Weights that SystemVerilog adds in a clock: 8, by layer 8,4, or auto."),
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="SystemVerilog whose input can be held over steps.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a program as ONNX, C99, SystemVerilog or a deployment file, or a model as float ONNX or NIR."""
    from exporters.registry import MODEL_TARGETS, export_model, export_program

    if to in MODEL_TARGETS:
        from expifref.network.model_files import read_description

        export_model(read_description(source), to, out)
    else:
        from quantize.program.file import load_program

        program = load_program(source)
        speed = _speed(program, lanes, hold) if lanes is not None or hold else None
        export_program(program, to, out, speed)
    summary = {"source": str(source), "target": to, "out": str(out), "bytes": _size(out)}
    if json:
        print_json(summary)
        return
    print_table("Export", [[key, value] for key, value in summary.items()])


def _speed(program: Program, lanes: str | None, hold: bool) -> Throughput:
    from exporters.systemverilog.planner import busy, fastest
    from exporters.systemverilog.throughput import Throughput

    if lanes == "auto":
        graph = program.graph
        return fastest(graph, program.evidence.profile, busy(graph), hold)
    parts = (lanes or "1").split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ParameterError(f"lanes must be auto or numbers such as 8 or 8,4, not `{lanes}`")
    return Throughput(tuple(int(part) for part in parts), hold)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
