"""Frama-C's Eva finds nothing undefined in the emitted C, and finds a fault that is put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporters.c.analysis import analyse
from exporters.c.network import c_files
from exporters.running import lay_out
from quantize.graph.layers import Graph
from quantize.program.label import Label
from tests.amount import some
from tests.graphs import random_graph
from tests.networks import lowered, network
from tests.programs import random_program
from tests.tools import need

LABEL = Label("sha256:0", "0", "none", "rate", 1e-3, 10)


def emitted(graph: Graph, folder: Path) -> None:
    need("frama-c")
    lay_out(folder, c_files(graph, LABEL))


@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit"])
@pytest.mark.parametrize("tau_synapse", [None, 5e-3])
def test_a_network_is_defined(tmp_path: Path, profile: str, tau_synapse: float | None) -> None:
    graph = lowered(network((6, 5, 4, 3), tau_synapse=tau_synapse), profile).graph
    emitted(graph, tmp_path)
    alarms = analyse(tmp_path, graph)
    assert alarms.count == 0, alarms.report[-3000:]
    assert "100% coverage" in alarms.report


@pytest.mark.parametrize("seed", some(range(4), 2))
def test_random_programs_are_defined(tmp_path: Path, seed: int) -> None:
    graph = random_program(seed).graph
    emitted(graph, tmp_path)
    assert analyse(tmp_path, graph).count == 0


@pytest.mark.parametrize("seed", some(range(4), 2))
def test_random_graphs_are_defined(tmp_path: Path, seed: int) -> None:
    graph = random_graph(seed)
    emitted(graph, tmp_path)
    assert analyse(tmp_path, graph).count == 0


@pytest.mark.parametrize(
    ("bits", "line"),
    [
        (1, "odd0 += word0 >> 8U;"),
        (4, "odd0 += (word0 >> 8U) * value;"),
        (8, "const int32_t least = (-32) * total;"),
    ],
)
def test_blocks_are_defined(tmp_path: Path, bits: int, line: str) -> None:
    graph = random_program(3, weight_bits=6, input_bits=bits, widths=[22, 18], layers=1).graph
    emitted(graph, tmp_path)
    assert line in (tmp_path / "network.c").read_text()
    alarms = analyse(tmp_path, graph)
    assert alarms.count == 0, alarms.report[-3000:]
    assert "100% coverage" in alarms.report


def test_a_product_that_overflows_is_found(tmp_path: Path) -> None:
    graph = lowered(network((6, 5, 3), tau_synapse=None), "generic-16bit").graph
    emitted(graph, tmp_path)
    source = tmp_path / "network.c"
    text = source.read_text()
    broken = text.replace("const int64_t gained = (int64_t)gain", "const int32_t gained = gain")
    assert broken != text
    source.write_text(broken)
    assert analyse(tmp_path, graph).count > 0
