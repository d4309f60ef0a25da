"""`expifref export`: a program or a model in another form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from expifref.exceptions import ParameterError

from .options import DataDir, Json, Seed
from .output import print_json, print_table, progress_bar
from .speed import Hold, Lanes, Pipelines, Rate, chosen_speed, hardware_wish

if TYPE_CHECKING:
    from exporters.systemverilog.throughput import Throughput
    from quantize.program.program import Program

_BUILT = ("ulx3s", "icebreaker")


def export(
    source: Annotated[
        Path, typer.Argument(help="A program (.json), or a model (.safetensors) for onnx-float and nir.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="onnx, onnx-step, json, c, firmware, web, lava, systemverilog, ulx3s, icebreaker, "
            "formal, onnx-float, or nir.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write, or a folder.")],
    lanes: Lanes = None,
    pipelines: Pipelines = None,
    hold: Hold = None,
    rate: Rate = None,
    build: Annotated[
        bool,
        typer.Option(
            "--build", help="With ulx3s and icebreaker: the bitstream too, by the extra `fpga`; minutes."
        ),
    ] = False,
    leaky: Annotated[
        bool,
        typer.Option(
            "--approximate-lif",
            help="With nir: exponential neurons as leaky ones, fitted on training samples of --dataset; what "
            "that costs is measured on its test samples.",
        ),
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            help="With web: the data set of which the page has test samples with it. With --approximate-lif: "
            "the one to fit on, digits without it. Names and files as for `train`.",
        ),
    ] = None,
    data_dir: DataDir = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Write a program as ONNX, C99, SystemVerilog, a web page or a deployment file, or a model as float ONNX
    or NIR."""
    from exporters.registry import MODEL_TARGETS, export_model, export_program

    wish, speed, more = hardware_wish(lanes, pipelines, hold, rate), None, dict[str, Any]()
    if leaky and to != "nir":
        raise ParameterError(
            f"--approximate-lif is for `--to nir`, which has no other neurons, not for `{to}`"
        )
    if dataset is not None and to != "web" and not leaky:
        raise ParameterError(
            f"--dataset is for `--to web` and --approximate-lif, which run samples, not for `{to}`"
        )
    if build and to not in _BUILT:
        raise ParameterError(f"--build makes a bitstream, for {' and '.join(_BUILT)}, not for `{to}`")
    if to in MODEL_TARGETS:
        if wish is not None:
            raise ParameterError(
                f"lanes, pipelines and a held input are asked of SystemVerilog, not of `{to}`"
            )
        if leaky:
            from .approximation import approximated

            description, more = approximated(source, dataset or "digits", data_dir, seed)
        else:
            from expifref.network.model_files import read_description

            description = read_description(source)
        export_model(description, to, out)
    else:
        from quantize.program.file import load_program

        program = load_program(source)
        if wish is not None:
            speed = chosen_speed(program, wish)
        if build:
            more = _built(program, to, out, speed)
        elif to == "web" and dataset is not None and wish is None:
            from .page import write_page

            write_page(program, dataset, data_dir, seed, out)
        else:
            export_program(program, to, out, speed)
    summary = {"source": str(source), "target": to, "out": str(out), "bytes": _size(out), **more}
    if speed is not None:
        counts = {"lanes": speed.lanes, "pipelines": speed.pipelines}
        summary |= {name: ", ".join(map(str, count)) for name, count in counts.items()}
        summary |= {"hold": "yes" if speed.hold else "no"}
    if json:
        print_json(summary)
        return
    print_table("Export", [[key, value] for key, value in summary.items()])


def _built(program: Program, board: str, out: Path, speed: Throughput | None) -> dict[str, Any]:
    """Write the folder with a bitstream; what is told of it."""
    from exporters.fpga.bitstream import build_board
    from exporters.systemverilog.throughput import SMALLEST

    with progress_bar("bitstream", 2, "steps") as report:
        made = build_board(program, board, out, speed or SMALLEST, lambda what: report(1, what))
    clock = f"{made.mhz:g} (the board has {made.clock_mhz:g})"
    return {"bitstream": made.file, "bytes of it": made.size, "MHz": clock, "load it with": made.load}


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
