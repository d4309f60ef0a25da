"""A whole design for a common board: the network behind a serial line, and its pins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from expifref.exceptions import ParameterError
from exporters.emitter import Emitter
from quantize.graph.layers import Graph
from quantize.program.label import Label

from .memories import Files
from .network import emit_systemverilog
from .serial import SERIAL, serial_files
from .weights import FeedKey, Weights

__all__ = ["BAUD", "BOARDS", "Board", "emit_board", "serial_design"]

BAUD = 1_000_000
"""Bits a second of the serial line; both clocks are multiples of it."""


@dataclass(frozen=True)
class Board:
    """Pins of a board that the design uses."""

    summary: str
    clock_hz: int
    source: str  # where the pins are from
    clock: str
    receive: str
    transmit: str
    button: str
    pressed: str  # level of the button that resets
    lights: tuple[tuple[str, str], ...]  # light, expression that lights it
    high: tuple[str, ...]  # outputs that must be held high
    sites: Mapping[str, str]  # pin of the design -> site of the package
    constraints: str  # suffix of the file of the pins, a key of `_CONSTRAINTS`


ULX3S = Board(
    summary="Radiona ULX3S, LFE5U-25F or -85F in CABGA381",
    clock_hz=25_000_000,
    source="emard/ulx3s, doc/constraints/ulx3s_v20.lpf",
    clock="clk_25mhz",
    receive="ftdi_txd",
    transmit="ftdi_rxd",
    button="fire1",
    pressed="fire1",
    lights=(("led0", "running"), ("led1", "answered")),
    high=("wifi_gpio0",),  # low would make the ESP32 take the board over
    sites={
        "clk_25mhz": "G2",
        "ftdi_txd": "M1",
        "ftdi_rxd": "L4",
        "fire1": "R1",
        "led0": "B2",
        "led1": "C2",
        "wifi_gpio0": "L2",
    },
    constraints="lpf",
)
ICEBREAKER = Board(
    summary="1BitSquared iCEBreaker, iCE40UP5K-SG48",
    clock_hz=12_000_000,
    source="icebreaker-fpga/icebreaker-verilog-examples, icebreaker/icebreaker.pcf",
    clock="CLK",
    receive="RX",
    transmit="TX",
    button="BTN_N",
    pressed="!BTN_N",
    lights=(("LEDG_N", "!running"), ("LEDR_N", "!answered")),
    high=(),
    sites={"CLK": "35", "RX": "6", "TX": "9", "BTN_N": "10", "LEDR_N": "11", "LEDG_N": "37"},
    constraints="pcf",
)
BOARDS: Mapping[str, Board] = MappingProxyType({"ulx3s": ULX3S, "icebreaker": ICEBREAKER})


def emit_board(
    graph: Graph,
    label: Label,
    name: str,
    weights: Mapping[FeedKey, Weights],
    held: bool = False,
    pipelines: Mapping[str, int] | None = None,
) -> Files:
    """`emit_systemverilog` with a top module for board `name` and the file of its pins.

    Raises:
        ParameterError: the board is not known.
        UnsupportedError: an index, a value or a word does not fit a packet of the serial line.
    """
    if name not in BOARDS:
        raise ParameterError(f"the board must be one of {', '.join(BOARDS)}, not `{name}`")
    board = BOARDS[name]
    files = serial_design(graph, label, weights, held, pipelines)
    pins = _CONSTRAINTS[board.constraints](board)
    return files | {f"{name}.sv": _top(name, board), f"{name}.{board.constraints}": pins}


def serial_design(
    graph: Graph,
    label: Label,
    weights: Mapping[FeedKey, Weights],
    held: bool = False,
    pipelines: Mapping[str, int] | None = None,
) -> Files:
    """`emit_systemverilog` with the module `SERIAL` around it, for any board; errors as `emit_board`."""
    files = emit_systemverilog(graph, label, weights, held, pipelines)
    return files | serial_files(graph, label.digest, weights, held)


def _top(name: str, board: Board) -> str:
    e = Emitter()
    e(f"// {board.summary}. Pins: {board.source}.")
    e(f"module {name} (")
    inputs = (board.clock, board.receive, board.button)
    outputs = (board.transmit, *(light for light, _ in board.lights), *board.high)
    with e.indent():
        for pin in inputs:
            e(f"input  logic {pin},")
        for pin in outputs[:-1]:
            e(f"output logic {pin},")
        e(f"output logic {outputs[-1]}")
    e(");")
    with e.indent():
        e("logic running, answered;")
        e(f"{SERIAL} #(.CLOCKS_PER_BIT({board.clock_hz // BAUD})) serial (")
        with e.indent():
            e(f".clk({board.clock}),")
            e(f".button({board.pressed}),")
            e(f".receive({board.receive}),")
            e(f".transmit({board.transmit}),")
            e(".running(running),")
            e(".answered(answered)")
        e(");")
        for light, expression in board.lights:
            e(f"assign {light} = {expression};")
        for pin in board.high:
            e(f"assign {pin} = 1'b1;")
    e("endmodule")
    return str(e)


def _pcf(board: Board) -> str:
    return "".join(f"set_io {pin} {site}\n" for pin, site in board.sites.items())


def _lpf(board: Board) -> str:
    lines = [f'FREQUENCY PORT "{board.clock}" {board.clock_hz / 1e6:g} MHz;']
    for pin, site in board.sites.items():
        lines.append(f'LOCATE COMP "{pin}" SITE "{site}";')
        pull = " PULLMODE=DOWN" if pin == board.button else ""
        lines.append(f'IOBUF PORT "{pin}" IO_TYPE=LVCMOS33{pull};')
    return "\n".join(lines) + "\n"


_CONSTRAINTS: Mapping[str, Callable[[Board], str]] = MappingProxyType({"lpf": _lpf, "pcf": _pcf})
"""What the place and route tool of a part reads."""
