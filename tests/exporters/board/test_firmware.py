"""The firmware of microcontrollers, in QEMU behind a pseudo-terminal, and what fits a packet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from expifref.exceptions import BoardError, UnsupportedError
from exporters.board.limits import require_packets
from exporters.board.line import Line
from exporters.board.packets import Packet, close, identity_of, values_of
from exporters.c.firmware import firmware_files
from exporters.running import lay_out, run_tool
from hw_profiles import load_profile
from quantize.graph.proof import proof_of
from quantize.numbers.formats import Format
from quantize.numbers.intervals import Interval
from quantize.program.file import digest
from quantize.program.label import label_of
from tests.networks import lowered, network
from tests.tools import need

from .programs import connected, program_of, require_equal
from .simulated import firmware, someone
from .written import WrittenBoard


@pytest.mark.parametrize("board", ["mps2", "stm32f4"])
@pytest.mark.parametrize(("readout", "fmt"), [(True, Format(True, 7, 0)), (False, Format(False, 1, 0))])
def test_the_firmware_in_qemu(board: str, readout: bool, fmt: Format, tmp_path: Path) -> None:
    need("make", "arm-none-eabi-gcc", "qemu-system-arm")
    program = program_of(readout, fmt)
    with firmware(program, board, tmp_path) as port:
        executor = connected(program, port, 60.0)
        require_equal(program, executor)
        executor.close()
        line = Line(port, 60.0)
        for outside in ((Packet.EVENT, 7, 0, 1), (Packet.EVENT, 0, 0, 0x80)):
            line.hello((identity_of(digest(program)),))
            with pytest.raises(BoardError) as caught:
                values_of(line.ask(close(bytes(outside)), 4))
            assert str(caught.value) == (
                "the board must take every step, but refuses one: an event is no input of its program"
            )
        line.close()
        require_equal(program, connected(program, port, 60.0))


def test_the_firmware_of_a_network_for_the_core(tmp_path: Path) -> None:
    """Its readout has all bits that a packet holds."""
    need("make", "arm-none-eabi-gcc", "qemu-system-arm")
    program = lowered(network((7, 5, 3)), load_profile("cortex-m4"))
    assert proof_of(program.graph).sources[program.graph.output].bits == 32
    with someone(WrittenBoard(program)) as port:
        require_equal(program, connected(program, port))
    with firmware(program, "mps2", tmp_path) as port:
        require_equal(program, connected(program, port, 60.0))


@pytest.mark.parametrize(("interval", "bits"), [((-(2**31) - 1, 0), 33), ((0, 2**31), 33)])
def test_a_value_that_fits_no_packet_is_refused(
    interval: tuple[int, int], bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = program_of().graph
    proof = SimpleNamespace(sources={graph.output: Interval(*interval)})
    monkeypatch.setattr("exporters.board.limits.proof_of", lambda _graph: proof)
    with pytest.raises(UnsupportedError, match=f"at most 32 bits of an output with its sign, not {bits}: "):
        require_packets(graph)


def test_the_firmware_links_for_the_rp2040_into_its_ram(tmp_path: Path) -> None:
    need("make", "arm-none-eabi-gcc")
    program = program_of()
    lay_out(tmp_path, firmware_files(program.graph, label_of(program)))
    run_tool("make", ["--silent", "rp2040"], tmp_path)
    image = (tmp_path / "rp2040.elf").read_bytes()
    assert int.from_bytes(image[24:28], "little") == 0x2000_0001  # where the boot ROM goes, in Thumb code
