"""A model of others is bounded before it runs: its operations, its functions put in place, its inputs."""

from __future__ import annotations

import re

import onnx
import pytest
from onnx import TensorProto, helper, parser

from expifref.exceptions import FileFormatError
from exporters.onnx.executor import OnnxExecutor
from exporters.onnx.guard import check_bounded
from tests.programs import random_program

from .models import sequence_of, step_of

HEADER = '<ir_version: 8, opset_import: ["" : 18, "f" : 1]>'


@pytest.mark.parametrize("seed", range(8))
def test_what_is_exported_is_taken(seed: int) -> None:
    for export in (sequence_of, step_of):
        check_bounded(export(random_program(seed)), "the model")


def refusal(model: onnx.ModelProto) -> str:
    with pytest.raises(FileFormatError) as caught:
        check_bounded(model, "the model")
    return str(caught.value)


@pytest.mark.parametrize("operation", ["Loop", "If", "ConstantOfShape", "Tile", "Range", "Exp", "LSTM"])
def test_operations_that_no_program_needs(operation: str) -> None:
    graph = f"g (int64[N] x) => (int64[N] y) {{ y = {operation} (x) }}"
    assert refusal(parser.parse_model(f"{HEADER} {graph}")) == (
        f"the model must use operations that an integer program needs, but uses `{operation}`: export it anew"
    )


def test_operations_inside_of_bodies_and_functions() -> None:
    inner = parser.parse_graph("b (int64[N] a) => (int64[N] c) { c = Exp (a) }")
    node = helper.make_node("Scan", ["x"], ["y"], body=inner, num_scan_inputs=1)
    graph = helper.make_graph([node], "g", [], [])
    assert "but uses `Exp`" in refusal(helper.make_model(graph))
    function = '<domain: "f", opset_import: ["" : 18]> Own (a) => (b) { b = Exp (a) }'
    text = f"{HEADER} g (int64[N] x) => (int64[N] y) {{ y = f.Own (x) }} {function}"
    assert "but uses `Exp`" in refusal(parser.parse_model(text))


def test_an_operation_of_another_domain() -> None:
    text = f"{HEADER} g (int64[N] x) => (int64[N] y) {{ y = f.Own (x) }}"
    assert "but uses `f.Own`" in refusal(parser.parse_model(text))


def doubling(depth: int) -> onnx.ModelProto:
    """Each function calls the next one twice: 2**depth additions in a file of a few kilobytes."""
    calls = "".join(
        f' <domain: "f", opset_import: ["" : 18, "f" : 1]> F{n} (a) => (c) {{ b = {to} (a) c = {to} (b) }}'
        for n in range(depth)
        for to in ["Neg" if n == depth - 1 else f"f.F{n + 1}"]
    )
    text = f"{HEADER} g (int64[N] x) => (int64[N] y) {{ y = f.F0 (x) }} {calls}"
    return parser.parse_model(text)


MOST = "the model must have at most 100,000 operations, its functions in place, but has more: export it anew"


def test_functions_that_call_each_other_too_often() -> None:
    check_bounded(doubling(16), "the model")
    for depth in (17, 60, 200):
        assert refusal(doubling(depth)) == MOST
    assert refusal(doubling(257)) == "the model must have at most 256 functions, not 257: export it anew"


def test_functions_in_a_circle() -> None:
    model = doubling(3)
    model.functions[2].node[0].CopyFrom(helper.make_node("F0", ["a"], ["b"], domain="f"))
    assert refusal(model) == MOST


@pytest.mark.parametrize("change", ["name", "rank", "type"])
def test_inputs_of_another_form(change: str) -> None:
    model = sequence_of(random_program(5, layers=2, readout=True, widths=[6, 5, 3]))
    kind = model.graph.input[0].type.tensor_type
    if change == "rank":
        del kind.shape.dim[-1]
    elif change == "type":
        kind.elem_type = TensorProto.FLOAT
    else:
        model.graph.input[0].name = "x"
        with pytest.raises(FileFormatError, match="but lacks an input `spikes`"):
            OnnxExecutor(model)
        return
    message = (
        "the ONNX model must take whole numbers of 3 dimensions as `spikes`, but does not: export it anew"
    )
    with pytest.raises(FileFormatError, match=f"^{re.escape(message)}$"):
        OnnxExecutor(model)
