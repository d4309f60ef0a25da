"""The emitted C as firmware behind a serial line, for boards of which each is one file (docs/board.md)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from exporters.board.limits import require_packets
from exporters.board.packets import identity_of
from quantize.graph.layers import Graph
from quantize.graph.proof import proof_of
from quantize.program.label import Label

from .network import network_files

__all__ = ["BOARD_FILES", "firmware_files"]

BOARD_FILES = (
    *("protocol.h", "protocol.c", "board.h", "main_board.c", "Makefile"),
    *("board_rp2040.c", "board_stm32f4.c", "board_mps2.c"),
)
"""What is the same for every program."""


def firmware_files(graph: Graph, label: Label) -> Mapping[str, str]:
    """File name -> text: everything that `--to firmware` writes; errors as of `c_files`.

    Raises:
        UnsupportedError: an index or a value does not fit a packet of the serial line.
    """
    require_packets(graph)
    board = resources.files(__package__) / "board"
    common = {name: (board / name).read_text(encoding="utf-8") for name in BOARD_FILES}
    return {**network_files(graph, label), "program.h": _program(graph, label), **common}


def _program(graph: Graph, label: Label) -> str:
    known_as = ", ".join(f"0x{byte:02x}" for byte in identity_of(label.digest))
    graded = int(not proof_of(graph).sources[graph.output].binary)
    return "\n".join(
        (
            "#ifndef EXPIFREF_PROGRAM_H",
            "#define EXPIFREF_PROGRAM_H",
            "",
            "/* How the program is told from others, and whether its outputs are values or spikes. */",
            f"#define EXPIFREF_KNOWN_AS {{{known_as}}}",
            f"#define EXPIFREF_GRADED ({graded})",
            "",
            "#endif",
            "",
        )
    )
