"""The benchmark for a GPU on a machine without one: that it runs, and finds that nothing differs."""

from __future__ import annotations

import gpu

from tests.exporters.test_bodies import network
from tests.graphs import random_graph_input


def test_no_bit_differs() -> None:
    graph = network(recurrent=False)
    spikes = random_graph_input(graph, 5, 3, 1)
    lines = gpu.network_lines(graph, spikes, 2, "scan") + gpu.digest_lines(graph, spikes, "scan", piece=2)
    assert [line.value for line in lines if "differ" in line.name] == [0, 0]
    assert all(line.value is not None for line in lines)
