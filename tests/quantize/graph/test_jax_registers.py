"""Layers as kernels for a GPU, on a machine without one: what they compute, and that they compile."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import quantize.jax.fusions
import quantize.jax.pieces
import quantize.jax.registers
from quantize.graph.layers import INPUT, Graph, Port
from quantize.jax import JaxExecutor
from quantize.jax.frames import as_bits
from quantize.jax.pieces import piece_memory
from quantize.jax.plan import layer_numbers, plan_graph
from quantize.jax.registers import can_compile, one_layer
from quantize.jax.run import run_graph, steps_on
from quantize.jax.scan import Asked
from quantize.numbers.formats import Format
from quantize.run.digests import digests
from quantize.run.emulator import GraphEmulator
from tests.exporters.test_bodies import INPUTS
from tests.exporters.test_bodies import network as one_layer_network
from tests.exporters.test_operations import WRITERS, graph_of
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.networks import lowered, network

pytestmark = pytest.mark.usefixtures("strict_promotion")

GPU = "NVIDIA H200"
ARRAY: Any = jax.ShapeDtypeStruct  # which JAX ships without types


@contextlib.contextmanager
def compiling_for_a_gpu() -> Iterator[None]:
    """Newer versions of JAX ask which GPU it is."""
    device: Any = getattr(jax.sharding, "AbstractDevice", None)
    if device is None or "platform" not in inspect.signature(device).parameters:
        yield
        return
    kinds = (jax.sharding.AxisType.Auto,)
    mesh = jax.sharding.AbstractMesh((1,), ("batch",), kinds, abstract_device=device(GPU, None, "gpu"))
    with jax.sharding.use_abstract_mesh(mesh):
        yield


def kernels_of(graph: Graph) -> int:
    """How many kernels `graph` becomes when it is lowered for CUDA."""
    steps, batch = 3, 4
    plan = plan_graph(graph)
    asked = Asked(steps, frozenset(graph.signal_units), frozenset([graph.output]))
    numbers = {one.layer.name: layer_numbers(one) for group in plan.groups for one in group.layers}
    with jax.enable_x64(True), compiling_for_a_gpu():
        state = {
            name: ARRAY((batch, graph.state_units[name]), word) for name, word in plan.state_words.items()
        }
        frames = ARRAY((steps, batch, graph.input.channels), plan.source_words[INPUT])
        run = jax.jit(lambda state, frames: run_graph(plan, numbers, state, frames, asked, "kernel"))
        text: str = run.trace(state, frames).lower(lowering_platforms=("cuda",)).as_text()
    return text.count("@__gpu$xla.gpu.triton")


# JAX 0.12 says that it will drop its Triton: `can_compile` is asked before.
compiles = pytest.mark.filterwarnings("ignore:The Pallas Triton backend is deprecated:DeprecationWarning")


@compiles
@pytest.mark.parametrize("case", WRITERS)
def test_every_operation_compiles_for_a_gpu(case: str) -> None:
    assert kernels_of(graph_of(WRITERS[case][1])[0]) == 1


@compiles
@pytest.mark.parametrize("seed", [0, 4, 8])
def test_random_graphs_compile_for_a_gpu(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if seed == 8:
        monkeypatch.setattr(quantize.jax.fusions, "_MOST_WORDS", 0)
    graph = random_graph(seed)
    alone = sum(one_layer(group) for group in plan_graph(graph).groups)
    assert alone > 0
    assert kernels_of(graph) == alone


@compiles
@pytest.mark.parametrize("model", ["expif", "adexif", "lif_subtracted"])
def test_neurons_compile_for_a_gpu(model: str) -> None:
    assert kernels_of(lowered(network((5, 7, 3), model=model)).graph) == 2


def test_lookups_that_are_interpolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantize.jax.fusions, "_MOST_WORDS", 0)
    graph, _ = graph_of(WRITERS["lookup"][1])
    values, state = random_graph_input(graph, 3, 9, 8), random_graph_state(graph, 9, 8)
    found = JaxExecutor(graph, steps="interpret").run(values, state)
    np.testing.assert_equal(found.signals, GraphEmulator(graph).run(values, state).signals)


def test_units_that_hear_of_each_other_are_scanned() -> None:
    circles = [group for group in plan_graph(random_graph(9)).groups if not one_layer(group)]
    assert circles


def test_a_kernel_is_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_compile()
    assert [steps_on(platform, "auto") for platform in ("gpu", "cpu", "tpu")] == ["kernel", "scan", "scan"]
    assert steps_on("cpu", "interpret") == "interpret"
    assert steps_on("gpu", "scan") == "scan"
    monkeypatch.setitem(sys.modules, "jax.experimental.pallas.triton", None)
    assert not can_compile()
    assert steps_on("gpu", "auto") == "scan"


def test_blocks_and_pieces_that_do_not_come_out_even(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last ones in part; spikes are uploaded once, as bits; sums and digests stay on the device."""
    monkeypatch.setattr(quantize.jax.registers, "_VALUES", 4)
    monkeypatch.setattr(quantize.jax.pieces, "_MEMORY", 1600)
    monkeypatch.setattr(quantize.jax.pieces, "_LEAST_BATCH", 2)
    graph = one_layer_network(recurrent=False)
    values, state = random_graph_input(graph, 6, 5, 1), random_graph_state(graph, 5, 1)
    emulator, executor = GraphEmulator(graph), JaxExecutor(graph, steps="interpret")
    uploaded = executor.upload(values)
    assert uploaded.values.shape == (6, 5, 2)
    for given in (None, state):
        found, wanted = executor.run(uploaded, given), emulator.run(values, given)
        np.testing.assert_equal(found.signals, wanted.signals)
        np.testing.assert_equal(found.state, wanted.state)
        assert executor.digests(uploaded, given) == digests(wanted.signals)
    run = executor.on_devices(uploaded, Asked(6, frozenset(), frozenset([graph.output])))
    sums = emulator.run(values).signals[graph.output_signal].sum(axis=0)
    np.testing.assert_array_equal(run.totals[graph.output], sums)


def test_graded_inputs_are_sent_as_bytes() -> None:
    graph = replace(one_layer_network(recurrent=False), input=Port(INPUTS, Format(True, 3, 0)))
    executor = JaxExecutor(graph)
    values = random_graph_input(graph, 6, 5, 1)
    assert not executor.sends_bits
    assert not as_bits(graph.input)
    uploaded = executor.upload(values.astype(np.int64))
    assert uploaded.values.dtype == np.dtype(np.int8)
    assert uploaded.values.shape == values.shape
    assert executor.digests(uploaded) == digests(GraphEmulator(graph).run(values).signals)


def test_a_digest_knows_every_value_and_its_place() -> None:
    values = np.arange(24).reshape(2, 3, 4)
    other = values.copy()
    other[1, 2, 3] += 1
    flipped = (np.flip(values, axis) for axis in range(3))
    every = [values, values - 30, other, *flipped, values[:1]]
    assert len({digests({"a": one})["a"] for one in every}) == len(every)


def test_pieces_of_a_gpu() -> None:
    assert piece_memory(1, None) < piece_memory(4, None)
    assert piece_memory(1, 8 << 30) == 1 << 30
    assert piece_memory(1, 140 << 30) == piece_memory(2, 80 << 30) == 2 << 30
    assert piece_memory(1, 0) == piece_memory(1, None)
