"""The emulator of graphs against an executor that was written from the specification alone."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from quantize.graph.layers import Graph
from quantize.graph.operations import OPERATIONS
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Overflow, Rounding
from quantize.program.file import program_from_json, program_to_json
from quantize.run.emulator import GraphEmulator
from tests.amount import some
from tests.graphs import program_of, random_graph, random_graph_input, random_graph_state
from tests.oracle import Oracle
from tests.version1.archive import NAMES, read, run_of


def document(graph: Graph) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(program_to_json(program_of(graph))))
    assert program_to_json(program_from_json(written, "the program")) == written
    return written


def assert_agrees(graph: Graph, spikes: NDArray[Any], state: dict[str, Integers]) -> None:
    """Every signal and state of every step, from the start and from `state`."""
    oracle = Oracle(document(graph))
    for given in ({}, state):
        run = GraphEmulator(graph).run(spikes, given)
        for sample in range(spikes.shape[1]):
            now = oracle.start() | {name: values[sample].tolist() for name, values in given.items()}
            for n, frame in enumerate(spikes[:, sample].tolist()):
                signals, now = oracle.step(frame, now)
                assert signals == {name: trace[n, sample].tolist() for name, trace in run.signals.items()}
            assert now == {name: values[sample].tolist() for name, values in run.state.items()}


SEEDS = some(range(300), 6)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs(seed: int) -> None:
    graph = random_graph(seed)
    assert_agrees(graph, random_graph_input(graph, 4, 2, seed), random_graph_state(graph, 2, seed))


@pytest.mark.parametrize("name", some([name for name in NAMES if name.startswith("random")], 2))
def test_programs_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    assert_agrees(program.graph, spikes[:4, :2], {key: values[:2] for key, values in state.items()})


def test_random_graphs_hold_everything() -> None:
    found: Counter[Any] = Counter()
    for seed in SEEDS:
        graph = random_graph(seed)
        seen = {"input"}
        for layer in graph.layers:
            found.update(type(operation) for operation in layer.body)
            found.update(getattr(operation, "rounding", None) for operation in layer.body)
            found.update(getattr(operation, "overflow", None) for operation in layer.body)
            for feed in layer.feeds:
                kind = (
                    "self" if feed.source == layer.name else "later" if feed.source not in seen else "earlier"
                )
                found[kind, feed.longest, np.unique(feed.delay).size > 1] += 1
            seen.add(layer.name)
            found["feeds", len(layer.feeds)] += 1
        found["layers", len(graph.layers)] += 1
    assert {*OPERATIONS, *Rounding, *Overflow} <= found.keys()
    assert {(kind, age, False) for kind in ("self", "later") for age in (1, 2, 3)} <= found.keys()
    assert {(kind, 3, True) for kind in ("self", "later", "earlier")} <= found.keys()
    assert {("feeds", n) for n in (1, 2, 3)} | {("layers", n) for n in (1, 2, 3, 4)} <= found.keys()
