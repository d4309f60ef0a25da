"""Each function on its own, in ONNX Runtime at its default optimisation, against the plain definitions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import helper

from exporters.onnx.builder import GraphBuilder
from exporters.onnx.primitives import DOMAIN, OPSET, functions
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format, Overflow, Rounding, overflow, round_shift
from tests.oracle import bring_inside, divide

CODES = np.arange(-1100, 1101, dtype=np.int64)
LARGE = np.array(
    [s * ((1 << b) + d) for s in (-1, 1) for b in (31, 32, 52, 53, 60) for d in (-1, 0, 1)], np.int64
)
FORMATS = [Format(signed, bits, 0) for signed in (False, True) for bits in (1, 2, 3, 8, 10)]


def run(builder: GraphBuilder, outputs: list[str], x: NDArray[Any]) -> dict[str, Integers]:
    kind = helper.np_dtype_to_tensor_dtype(x.dtype)
    graph = helper.make_graph(
        builder.nodes,
        "primitives",
        [helper.make_tensor_value_info("x", kind, ["n"])],
        [helper.make_tensor_value_info(name, kind, ["n"]) for name in outputs],
    )
    model = helper.make_model(
        graph,
        functions=functions(builder.functions),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(outputs, {"x": x}), strict=True))


@pytest.mark.parametrize("kind", [np.int32, np.int64], ids=["int32", "int64"])
@pytest.mark.parametrize("mode", Rounding)
def test_rounding_is_equal_for_every_code_and_shift(mode: Rounding, kind: type) -> None:
    builder, shifts = GraphBuilder(), range(1, 13)
    for shift in shifts:
        builder.call(f"RoundShift_{mode}", ["x"], f"y{shift}", unit=1 << shift)
    codes = LARGE[np.abs(LARGE) < 1 << 31].tolist() if kind is np.int32 else LARGE.tolist()
    values = np.array([*CODES, *codes], np.int64)
    values = values[np.abs(values) < np.iinfo(kind).max - (1 << 13)]
    results = run(builder, [f"y{shift}" for shift in shifts], values.astype(kind))
    for shift in shifts:
        np.testing.assert_array_equal(
            results[f"y{shift}"], round_shift(values, shift, mode), err_msg=f"{shift}"
        )
        expected = [divide(x, shift, mode) for x in values.tolist()]
        np.testing.assert_array_equal(results[f"y{shift}"], expected, err_msg=f"{shift}")


@pytest.mark.parametrize("mode", Rounding)
def test_rounding_at_the_largest_shifts(mode: Rounding) -> None:
    builder, shifts = GraphBuilder(), (31, 32, 60, 61, 62)
    for shift in shifts:
        builder.call(f"RoundShift_{mode}", ["x"], f"y{shift}", unit=1 << shift)
    results = run(builder, [f"y{shift}" for shift in shifts], LARGE)
    for shift in shifts:
        expected = [divide(x, shift, mode) for x in LARGE.tolist()]
        np.testing.assert_array_equal(results[f"y{shift}"], expected, err_msg=f"{shift}")


@pytest.mark.parametrize("kind", [np.int32, np.int64], ids=["int32", "int64"])
def test_a_shift_to_the_left_multiplies(kind: type) -> None:
    builder = GraphBuilder()
    builder.call("ShiftLeft", ["x"], "y", unit=32)
    np.testing.assert_array_equal(run(builder, ["y"], CODES.astype(kind))["y"], CODES * 32)


@pytest.mark.parametrize("kind", [np.int32, np.int64], ids=["int32", "int64"])
@pytest.mark.parametrize("function", ["Overflow_SAT", "Overflow_SAT_WIDE", "Overflow_WRAP"])
def test_overflow_is_equal_for_every_code_and_format(function: str, kind: type) -> None:
    builder, mode = GraphBuilder(), Overflow(function.split("_")[1])
    for fmt in FORMATS:
        builder.call(function, ["x"], str(fmt), lo=fmt.lo, hi=fmt.hi)
    results = run(builder, [str(fmt) for fmt in FORMATS], CODES.astype(kind))
    for fmt in FORMATS:
        np.testing.assert_array_equal(results[str(fmt)], overflow(CODES, fmt, mode), err_msg=str(fmt))
        expected = [bring_inside(x, asdict(fmt), mode) for x in CODES.tolist()]
        np.testing.assert_array_equal(results[str(fmt)], expected, err_msg=str(fmt))


@pytest.mark.parametrize("function", ["Overflow_SAT_WIDE", "Overflow_WRAP"])
@pytest.mark.parametrize("bits", [4, 31, 32, 33, 61])
def test_wide_overflow_is_right_in_every_release(function: str, bits: int) -> None:
    """Among them the pairs that Clip of int64 gets wrong on some CPUs."""
    builder, fmt = GraphBuilder(), Format(True, bits, 0)
    builder.call(function, ["x"], "y", lo=fmt.lo, hi=fmt.hi)
    mode = Overflow(function.split("_")[1])
    np.testing.assert_array_equal(run(builder, ["y"], LARGE)["y"], overflow(LARGE, fmt, mode))


def test_functions_follow_those_they_call() -> None:
    found = [function.name for function in functions(["Lookup_RND", "Overflow_SAT_WIDE"])]
    assert sorted(found) == [
        "Lookup_RND",
        "Maximum_WIDE",
        "Minimum_WIDE",
        "Overflow_SAT_WIDE",
        "RoundShift_RND",
    ]
    assert found.index("RoundShift_RND") < found.index("Lookup_RND")
