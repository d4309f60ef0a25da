"""Graphs of any operations in ONNX: every signal and state of every step equal to the emulator's."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from expifref.exceptions import UnsupportedError
from exporters.onnx.executor import Backend, OnnxExecutor
from exporters.onnx.operations import WRITERS
from exporters.onnx.program import sequence_model, step_model
from quantize.graph.body import Body
from quantize.graph.layers import INPUT, Dense, Graph, LayerFeed, Port, SegmentTable, UnitLayer
from quantize.graph.operations import OPERATIONS
from quantize.numbers.arrays import codes, frozen
from quantize.numbers.formats import Format, Overflow, Quantizer, Rounding
from quantize.program.file import program_from_json
from quantize.program.label import Label
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Execution
from tests.amount import some
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.version1.archive import NAMES, hashes, read, run_of

from .models import sequence_of, step_of

LABEL = Label(f"sha256:{'0' * 64}", "0", "generic-16bit", "current", 0.001, 6)
BYTES = Format(False, 8, 0)


def assert_equal(actual: Execution, expected: Execution) -> None:
    for found, wanted in ((actual.signals, expected.signals), (actual.state, expected.state)):
        assert found.keys() == wanted.keys()
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)


def run_everywhere(graph: Graph, seed: int, steps: int = 6, batch: int = 3) -> list[onnx.ModelProto]:
    """Both models from the start and from given states; returns them."""
    values, state = random_graph_input(graph, steps, batch, seed), random_graph_state(graph, batch, seed)
    expected = GraphEmulator(graph).run(values), GraphEmulator(graph).run(values, state)
    sequence, step = sequence_model(graph, LABEL), step_model(graph, LABEL)
    places: tuple[tuple[onnx.ModelProto, Backend], ...] = (
        (sequence, "onnxruntime"),
        (step, "onnxruntime"),
        (sequence, "reference"),
    )
    for model, backend in places:
        executor = OnnxExecutor(model, backend)
        assert_equal(executor.run(values), expected[0])
        assert_equal(executor.run(values, state), expected[1])
    return [sequence, step]


def test_every_operation_has_a_writer() -> None:
    assert set(WRITERS) == set(OPERATIONS)


@pytest.mark.parametrize("seed", some(range(40), 10))
def test_random_graphs_are_equal_in_every_runtime(seed: int) -> None:
    run_everywhere(random_graph(seed), seed)


@pytest.mark.parametrize("name", some(NAMES, 8))
def test_a_program_of_version_1(name: str) -> None:
    program = program_from_json(json.loads(read(name, "program.json")), name)
    spikes, state = run_of(name)
    wanted = json.loads(read(name, "hashes.json"))
    for model in (sequence_of(program), step_of(program)):
        executor = OnnxExecutor(model)
        start, given = executor.run(spikes), executor.run(spikes, state)
        assert hashes(start.signals) == wanted["start"]
        assert hashes(start.state) == wanted["start_state"]
        assert hashes(given.signals) == wanted["given"]
        assert hashes(given.state) == wanted["given_state"]


def test_two_halves_are_one_run_with_delays() -> None:
    graph = next(g for g in map(random_graph, range(40)) if max(g.histories.values(), default=0) > 1)
    values = random_graph_input(graph, 8, 2, seed=1)
    for model in (sequence_model(graph, LABEL), step_model(graph, LABEL)):
        executor = OnnxExecutor(model)
        whole, first = executor.run(values), executor.run(values[:3])
        second = executor.run(values[3:], first.state)
        joined = {name: np.concatenate([first.signals[name], second.signals[name]]) for name in whole.signals}
        assert_equal(Execution(joined, second.state), whole)


def chain(lo: int, hi: int, weight_bits: int, units: int = 40) -> Graph:
    """A layer whose outputs lie in `lo .. hi`, and one that reads them now and two steps ago."""
    rng = np.random.default_rng(weight_bits)
    first = Body()
    spread = first.sub(first.feed(), first.constant("offset", rng.integers(-600, 600, units)))
    low = first.maximum(spread, first.constant("lo", lo))
    output = first.minimum(low, first.constant("hi", hi), "bounded")
    first.signals["bounded"] = output
    second = Body()
    second.signals["accumulator"] = second.feed(0, "accumulator")
    weight = codes(rng.integers(-128, 128, (4, units)))
    source = first.layer("source", units, (LayerFeed(INPUT, dense(weight, 8), frozen([0])),), output)
    wide = codes(rng.integers(-(1 << weight_bits - 1), 1 << weight_bits - 1, (units, 5)))
    delay = frozen(np.where(np.arange(units) % 3 == 0, 2, 0))
    reader = second.layer("reader", 5, (LayerFeed("source", dense(wide, weight_bits), delay),), "accumulator")
    return Graph(Port(4, Format(False, 4, 0)), (source, reader), "reader")


def dense(weight: np.ndarray[tuple[int, ...], np.dtype[np.signedinteger]], bits: int) -> Dense:
    return Dense(weight, Format(True, bits, 0), Format(True, 60, 0))


FORMS = {
    (0, 1, 8): {"MatMulInteger"},
    (-1, 1, 8): {"MatMulInteger"},
    (0, 200, 8): {"MatMulInteger"},
    (-100, 155, 8): {"MatMulInteger"},
    (-100, 155, 12): {"MatMulInteger"},
    (-200, 155, 8): {"MatMulInteger", "MatMul"},
    (0, 1, 17): {"MatMulInteger", "MatMul"},
    (-200, 155, 30): {"MatMulInteger", "MatMul"},
}


@pytest.mark.parametrize("case", FORMS)
def test_products_of_signed_and_graded_sources_are_equal(case: tuple[int, int, int]) -> None:
    sequence, _ = run_everywhere(chain(*case), seed=case[2])
    nodes = {node.op_type for node in sequence.graph.node[-1].attribute[0].g.node}
    assert nodes & {"MatMul", "MatMulInteger"} == FORMS[case]


def test_products_of_0_and_1_out_of_a_table_are_equal() -> None:
    """The interval is proven, but cannot be seen from the nodes."""
    first, second = Body(), Body()
    values = frozen(np.array([0, 1, 1, 0]))
    table = SegmentTable(0, 2, values, BYTES, Rounding.RND, "steps", 0.0, "0" * 64)
    output = first.lookup(first.feed(), {"steps": table})
    first.signals["output"] = output
    second.signals["accumulator"] = second.feed(0, "accumulator")
    weight = codes(np.array([[127, -128], [-128, 127]]))
    source = first.layer("source", 2, (LayerFeed(INPUT, dense(weight, 8), frozen([0])),), output)
    feed = LayerFeed("source", dense(weight, 8), frozen([0, 2]))
    reader = second.layer("reader", 2, (feed,), "accumulator")
    run_everywhere(Graph(Port(2, BYTES), (source, reader), "reader"), seed=2)


def test_what_a_delay_keeps_is_a_state() -> None:
    graph = chain(-100, 155, 8)
    sequence, step = sequence_model(graph, LABEL), step_model(graph, LABEL)
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in sequence.graph.input}
    assert kinds == {
        "spikes": TensorProto.UINT8,
        "source.delay-1.initial": TensorProto.INT32,
        "source.delay-2.initial": TensorProto.INT32,
    }
    assert [entry.name for entry in step.graph.input] == [
        "spikes",
        "source.delay-1.previous",
        "source.delay-2.previous",
    ]
    assert [entry.name for entry in step.graph.output] == [
        "source.bounded",
        "reader.accumulator",
        "source.delay-1.next",
        "source.delay-2.next",
    ]
    assert OnnxExecutor(step).signals == OnnxExecutor(sequence).signals
    narrow = sequence_model(chain(0, 200, 8), LABEL).graph.input[1].type.tensor_type
    assert narrow.elem_type == TensorProto.UINT8


def plain(name: str = "plain", signal: str = "sum", state: str = "s") -> UnitLayer:
    """The input added up, in a state."""
    body = Body()
    site = Quantizer(Format(True, 12, 0), Rounding.TRN, Overflow.SAT)
    before = body.state(state, site.format)
    body.next[state] = body.overflow(body.add(before, body.feed()), site, "after")
    body.signals[signal] = body.feed(name="accumulator")
    weight = codes(np.array([[3], [-2]]))
    return body.layer(name, 1, (LayerFeed(INPUT, dense(weight, 8), frozen([0])),), "after")


def test_a_state_that_is_no_signal_is_told_by_a_step_too() -> None:
    graph = Graph(Port(2, BYTES), (plain(),), "plain")
    assert [e.name for e in step_model(graph, LABEL).graph.output] == ["plain.sum", "plain.s.next"]
    run_everywhere(graph, seed=3)


def test_an_input_wider_than_a_byte_is_refused() -> None:
    graph = Graph(Port(2, Format(True, 9, 0)), (plain(),), "plain")
    with pytest.raises(UnsupportedError) as caught:
        step_model(graph, LABEL)
    assert str(caught.value) == "the input must lie in -128..127 in ONNX, not in -256..255"


@pytest.mark.parametrize(
    ("layer", "name"),
    [(plain("spikes", "output"), "spikes"), (plain(signal="final", state="output"), "plain.final")],
)
def test_two_things_of_one_name_are_refused(layer: UnitLayer, name: str) -> None:
    graph = Graph(Port(2, BYTES), (layer,), layer.name)
    with pytest.raises(UnsupportedError) as caught:
        sequence_model(graph, LABEL)
    assert str(caught.value) == (
        f"inputs and outputs must have different names in ONNX, but `{name}` comes up 2 times: "
        "rename a layer or a signal"
    )


def test_a_result_of_constants_alone_is_told_for_every_sample() -> None:
    body = Body()
    two, three = body.constant("two", 2), body.constant("three", 3)
    body.signals["product"] = body.mul(two, three, "product")
    output = body.add(body.feed(), body.at_least(two, three), "sum")
    body.signals["output"] = output
    weight = codes(np.array([[3, 1], [-2, 0]]))
    layer = body.layer("only", 2, (LayerFeed(INPUT, dense(weight, 8), frozen([0])),), output)
    run_everywhere(Graph(Port(2, BYTES), (layer,), "only"), seed=1)
