"""Each primitive on its own, in ONNX Runtime at its default optimisation, against the plain definitions."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from exporters.onnx_graph import GraphBuilder
from exporters.onnx_primitives import DOMAIN, OPSET, functions, rounding_name, unit
from quantize.arrays import Integers
from quantize.formats import Format, Overflow, Rounding, overflow, round_shift
from tests.exporters import reference

CODES = np.arange(-1100, 1101, dtype=np.int64)
LARGE = np.array(
    [s * ((1 << b) + d) for s in (-1, 1) for b in (31, 32, 52, 53, 60) for d in (-1, 0, 1)], np.int64
)
FORMATS = [Format(signed, bits, 0) for signed in (False, True) for bits in (1, 2, 3, 8, 10)]


def run(builder: GraphBuilder, outputs: list[str], x: Integers) -> dict[str, Integers]:
    graph = helper.make_graph(
        builder.nodes,
        "primitives",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n"]) for name in outputs],
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


@pytest.mark.parametrize("codes", [CODES, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("mode", Rounding)
def test_rounding_is_equal_for_every_code_and_shift(mode: Rounding, codes: Integers) -> None:
    builder, shifts = GraphBuilder(), range(13)
    for shift in shifts:
        builder.call(f"RoundShift_{rounding_name(shift, mode)}", ["x"], f"y{shift}", unit=unit(shift, "x"))
    results = run(builder, [f"y{shift}" for shift in shifts], codes)
    for shift in shifts:
        np.testing.assert_array_equal(
            results[f"y{shift}"], round_shift(codes, shift, mode), err_msg=f"{shift}"
        )
        expected = [reference.divide(x, shift, mode) for x in codes.tolist()]
        np.testing.assert_array_equal(results[f"y{shift}"], expected, err_msg=f"{shift}")


@pytest.mark.parametrize("mode", Rounding)
def test_rounding_at_the_largest_shifts(mode: Rounding) -> None:
    builder, shifts = GraphBuilder(), (31, 32, 60, 61, 62)
    for shift in shifts:
        builder.call(f"RoundShift_{mode}", ["x"], f"y{shift}", unit=unit(shift, "x"))
    results = run(builder, [f"y{shift}" for shift in shifts], LARGE)
    for shift in shifts:
        expected = [reference.divide(x, shift, mode) for x in LARGE.tolist()]
        np.testing.assert_array_equal(results[f"y{shift}"], expected, err_msg=f"{shift}")


def test_a_negative_shift_multiplies() -> None:
    builder = GraphBuilder()
    name = f"RoundShift_{rounding_name(-5, Rounding.RND)}"
    builder.call(name, ["x"], "y", unit=unit(-5, "x"))
    np.testing.assert_array_equal(run(builder, ["y"], CODES)["y"], CODES * 32)


@pytest.mark.parametrize("mode", Overflow)
def test_overflow_is_equal_for_every_code_and_format(mode: Overflow) -> None:
    builder = GraphBuilder()
    for fmt in FORMATS:
        builder.call(f"Overflow_{mode}", ["x"], str(fmt), lo=fmt.lo, hi=fmt.hi)
    results = run(builder, [str(fmt) for fmt in FORMATS], CODES)
    for fmt in FORMATS:
        np.testing.assert_array_equal(results[str(fmt)], overflow(CODES, fmt, mode), err_msg=str(fmt))
        expected = [reference.bring_inside(x, fmt, mode) for x in CODES.tolist()]
        np.testing.assert_array_equal(results[str(fmt)], expected, err_msg=str(fmt))


def test_a_site_rounds_before_it_overflows() -> None:
    builder, fmt = GraphBuilder(), Format(signed=True, bits=6, frac=0)
    sites = list(product(Rounding, Overflow))
    for rounding, mode in sites:
        name = f"{rounding}_{mode}"
        builder.call(f"Requantize_{name}", ["x"], name, unit=8, lo=fmt.lo, hi=fmt.hi)
    results = run(builder, [f"{rounding}_{mode}" for rounding, mode in sites], CODES)
    for rounding, mode in sites:
        expected = overflow(round_shift(CODES, 3, rounding), fmt, mode)
        np.testing.assert_array_equal(results[f"{rounding}_{mode}"], expected, err_msg=f"{rounding} {mode}")


def test_functions_follow_those_they_call() -> None:
    found = [function.name for function in functions(["ExpIFUpdate_RND_SAT_WRAP", "Filter_RND_SAT"])]
    assert sorted(found) == [
        "ExpIFUpdate_RND_SAT_WRAP",
        "Filter_RND_SAT",
        "Larger",
        "Overflow_SAT",
        "Overflow_WRAP",
        "RoundShift_RND",
        "Smaller",
    ]
    assert found.index("RoundShift_RND") < found.index("Filter_RND_SAT")
