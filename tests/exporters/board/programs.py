"""Small programs for boards, and what a board must give of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from exporters.board.executor import BoardExecutor
from quantize.graph.layers import Port
from quantize.numbers.formats import Format
from quantize.program.file import digest
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.graphs import random_graph_input
from tests.programs import random_program

__all__ = ["connected", "program_of", "require_equal"]


def program_of(readout: bool = True, fmt: Format | None = None, seed: int = 9) -> Program:
    program = random_program(seed, layers=2, readout=readout, widths=(7, 5, 3), weight_bits=8, input_bits=8)
    port = program.graph.input if fmt is None else Port(7, fmt)
    return replace(program, graph=replace(program.graph, input=port))


def connected(program: Program, port: str, patience_s: float = 20.0) -> BoardExecutor:
    return BoardExecutor(program.graph, digest(program), program.evidence.profile, port, patience_s)


def require_equal(program: Program, board: BoardExecutor) -> None:
    spikes = random_graph_input(program.graph, 3, 2, 4)
    expected = Emulator(program).run(spikes).signals[program.graph.output_signal]
    found = board.run(spikes).signals[program.graph.output_signal]
    np.testing.assert_array_equal(found, expected)
    assert expected.any()
