"""A program on a board against the emulator, and boards that misbehave: a sentence each, in good time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from expifref.exceptions import BoardError, ParameterError
from expifref.files.texts import short
from exporters.board.executor import BoardExecutor
from exporters.board.packets import HELLO, checksum
from exporters.systemverilog.weights import Weights
from exporters.verification import Terms, verify
from quantize.numbers.formats import Format
from quantize.program.file import digest
from quantize.program.program import Program
from tests.graphs import random_graph_input
from tests.tools import need

from .programs import connected, program_of, require_equal
from .simulated import fpga, someone
from .written import WrittenBoard, crc

SOON_S = 0.6


def test_the_checksum_is_the_one_that_has_a_name() -> None:
    assert checksum(b"123456789") == crc(b"123456789") == 0x29B1


@pytest.mark.parametrize("readout", [True, False])
@pytest.mark.parametrize("fmt", [Format(False, 8, 0), Format(True, 7, 0), Format(False, 1, 0)])
def test_the_other_end_as_a_stranger_writes_it(readout: bool, fmt: Format) -> None:
    program = program_of(readout, fmt)
    with someone(WrittenBoard(program)) as port:
        require_equal(program, connected(program, port))


def test_the_serial_design_in_verilator_with_weights_to_load(tmp_path: Path) -> None:
    need("verilator", "make")
    program = program_of()
    loaded = Weights(loaded=True, word_bits=16, lanes=2)
    facts = [("word of weights in memory that no bitstream fills", 16)]
    profile = {"facts": [{"what": what, "value": value} for what, value in facts]}
    weights = {("layer0", 0): loaded, ("readout", 0): replace(loaded, lanes=1)}
    if ("layer1", 0) in {(layer.name, 0) for layer in program.graph.layers}:
        weights["layer1", 0] = loaded
    with fpga(program, tmp_path, weights) as port:
        board = BoardExecutor(program.graph, digest(program), profile, port, 60.0)
        assert board.loaded_words > 0
        require_equal(program, board)


def test_a_verification_compares_the_output_alone() -> None:
    program = program_of()
    spikes = random_graph_input(program.graph, 3, 2, 4)
    with someone(WrittenBoard(program)) as port:
        terms = Terms(output_only=frozenset(("board",)))
        result = verify(program, {"board": connected(program, port)}, [spikes], terms)
    entry = result.executors["board"]
    assert result.passed
    assert (entry.samples, entry.values, entry.differing_bits) == (2, 3 * 2 * 3, 0)


def test_a_board_has_no_other_state_or_signal() -> None:
    program = program_of()
    spikes = random_graph_input(program.graph, 3, 1, 2)
    with someone(WrittenBoard(program)) as port:
        board = connected(program, port)
        with pytest.raises(ParameterError, match=r"^a board must start from the initial state and tell"):
            board.run(spikes, state={})
        with pytest.raises(ParameterError):
            board.run(spikes, signals=["layer0"])


def silent(_program: Program) -> Callable[[bytes], bytes]:
    return lambda _got: b""


def babbling(_program: Program) -> Callable[[bytes], bytes]:
    rng = np.random.default_rng(4)
    return lambda _got: rng.bytes(40)


def echoing(_program: Program) -> Callable[[bytes], bytes]:
    return lambda got: got


def stranger(_program: Program) -> Callable[[bytes], bytes]:
    return WrittenBoard(program_of(seed=8))


def falling_silent(program: Program) -> Callable[[bytes], bytes]:
    board = WrittenBoard(program)
    return lambda got: board(got) if HELLO in got else b""


def changed(place: int, bit: int) -> Callable[[Program], Callable[[bytes], bytes]]:
    """A line that flips one bit of every answer to a step."""

    def make(program: Program) -> Callable[[bytes], bytes]:
        board = WrittenBoard(program)

        def answer(got: bytes) -> bytes:
            said = bytearray(board(got))
            if len(said) > 6:
                said[place] ^= bit
            return bytes(said)

        return answer

    return make


def deaf(program: Program) -> Callable[[bytes], bytes]:
    """A line that flips a bit of what is sent, hellos aside."""
    board = WrittenBoard(program)
    return lambda got: board(got if got == HELLO else bytes((got[0], got[1] ^ 1, *got[2:])) if got else got)


def resetting(program: Program) -> Callable[[bytes], bytes]:
    """A board that is another one from its second hello on."""
    ones = [WrittenBoard(program), WrittenBoard(program_of(seed=8))]
    hellos = [0]

    def answer(got: bytes) -> bytes:
        hellos[0] += HELLO in got
        return ones[min(hellos[0], 2) - 1](got) if hellos[0] else b""

    return answer


SENTENCES: dict[str, tuple[Callable[[Program], Callable[[bytes], bytes]], str]] = {
    "silent": (
        silent,
        "the board at `PORT` must answer a hello within 0.6 s, but is silent: is it powered, ",
    ),
    "babbling": (babbling, "what is at `PORT` must answer a hello, but says something else: "),
    "echoing": (echoing, "what is at `PORT` must answer a hello, but says something else: "),
    "stranger": (stranger, "the board at `PORT` must run this program, "),
    "falling silent": (falling_silent, "the board at `PORT` must answer each step within 0.6 s, but did not"),
    "changed value": (changed(3, 1), "the answer of a board must end with its checksum, but does not: "),
    "changed checksum": (changed(-3, 128), "the answer of a board must end with its checksum, but does not"),
    "changed end": (
        changed(-5, 128),
        "the board at `PORT` must end its answer within 4 packets, but did not: ",
    ),
    "early end": (changed(1, 128), "the answer of a board must end with its checksum, but does not: "),
    "deaf": (deaf, "the board must take every step, but refuses one: what it got has another checksum"),
    "resetting": (resetting, "the board at `PORT` must say the same to each hello, but does not: "),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_what_a_board_does_wrong_is_said_in_good_time(case: str) -> None:
    make, sentence = SENTENCES[case]
    program = program_of()
    spikes = random_graph_input(program.graph, 3, 1, 2)
    start = time.monotonic()
    with someone(make(program)) as port, pytest.raises(BoardError) as caught:
        connected(program, port, SOON_S).run(spikes)
    assert str(caught.value).startswith(sentence.replace("PORT", port))
    assert time.monotonic() - start < 10 * SOON_S


NO_LINES = {
    "nowhere": "No such file or directory",
    "file": "Inappropriate ioctl for device",
    "/dev/null": "Inappropriate ioctl for device",
    "": "No such file or directory",
}


@pytest.mark.parametrize("kind", NO_LINES)
def test_what_is_no_serial_line_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    port = kind if kind.startswith("/") or not kind else str(tmp_path / kind)
    with pytest.raises(BoardError) as caught:
        connected(program_of(), port)
    assert str(caught.value) == (
        f"`{short(port)}` must be the serial line of a board, but does not work as one: {NO_LINES[kind]}; "
        "`python -m serial.tools.list_ports` lists those there are"
    )
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_port_that_another_has_is_refused() -> None:
    program = program_of()
    with someone(WrittenBoard(program)) as port:
        first = connected(program, port)
        with pytest.raises(BoardError, match="does not work as one: another program has it; "):
            connected(program, port)
        first.close()
        connected(program, port).close()
