"""Every rule of the portable-ONNX lint, on the smallest model that breaks it and one that does not."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from expifref.exceptions import UnsupportedError
from exporters.onnx.lint import check_portable, float_tensors

HEADER = '<ir_version: 8, opset_import: ["" : 18]>'
TABLE = "<int64[4] table = {5, 6, 7, 8}, int64 none = {0}, int64 last = {3}>"
FLOATS = "must be an integer tensor, but is a floating-point one"
WIDE = (
    "must work on integers within 32 bits, since runtimes get wider ones wrong: use Less or Greater and Where"
)
BAD = {
    "float input": (
        "g (float[N] x) => (int64[N] y) { y = Cast <to = 7> (x) }",
        f"`x` {FLOATS}",
    ),
    "float initializer": (
        "g (int64[N] x) => (int64[N] y) <float f = {1.5}> { y = Identity (x) }",
        f"`f` {FLOATS}",
    ),
    "float constant": (
        "g (int64[N] x) => (int64[N] y) { f = Constant <value_float = 1.5> () y = Identity (x) }",
        f"`value_float` of node `f` (Constant) {FLOATS}",
    ),
    "float cast": (
        "g (int64[N] x) => (int64[N] y) { f = Cast <to = 1> (x) y = Cast <to = 7> (f) }",
        f"`to` of node `f` (Cast) {FLOATS}",
    ),
    "float in a subgraph": (
        "g (bool c, int64[N] x) => (int64[N] y) { y = If (c) <"
        "then_branch = a () => (int64[N] p) { f = Cast <to = 11> (x) p = Cast <to = 7> (f) }, "
        "else_branch = b () => (int64[N] q) { q = Identity (x) }> }",
        f"`to` of node `f` (Cast) {FLOATS}",
    ),
    "divisor that varies": (
        "g (int64[N] x, int64[N] d) => (int64[N] y) { y = Div (x, d) }",
        "node `y` (Div) must divide by a positive constant",
    ),
    "negative divisor": (
        "g (uint8[N] x) => (int64[N] y) <int64 d = {-1}> { w = Cast <to = 7> (x) y = Div (w, d) }",
        "node `y` (Div) must divide by a positive constant",
    ),
    "zero modulus": (
        "g (int64[N] x) => (int64[N] y) <int64 d = {0}> { y = Mod (x, d) }",
        "node `y` (Mod) must divide by a positive constant",
    ),
    "default that can be overridden": (
        "g (int64[N] x, int64 d = {4}) => (int64[N] y) { y = Div (x, d) }",
        "node `y` (Div) must divide by a positive constant",
    ),
    "negative dividend": (
        "g (int64[N] x) => (int64[N] y) <int64 d = {4}> { y = Div (x, d) }",
        "node `y` (Div) must divide a multiple of its divisor where the dividend can be negative: "
        "clear the low bits with BitwiseAnd first",
    ),
    "mask that clears too little": (
        "g (int64[N] x) => (int64[N] y) <int64 m = {-2}, int64 d = {4}> "
        "{ k = BitwiseAnd (x, m) y = Div (k, d) }",
        "node `y` (Div) must divide a multiple of its divisor where the dividend can be negative: "
        "clear the low bits with BitwiseAnd first",
    ),
    "int16 clip": (
        "g (int16[N] x) => (int16[N] y) <int16 lo = {0}> { y = Clip (x, lo) }",
        "node `y` (Clip) must not work on 16-bit integers, which runtimes lack here",
    ),
    "wide clip": (
        "g (int64[N] x) => (int64[N] y) <int64 lo = {0}> { y = Clip (x, lo) }",
        f"node `y` (Clip) {WIDE}",
    ),
    "wide minimum": (
        "g (int32[N] x) => (int64[N] y) <int64 m = {4294967296}> { w = Cast <to = 7> (x) y = Min (w, m) }",
        f"node `y` (Min) {WIDE}",
    ),
    "index bounded on the wrong side": (
        f"g (int64[N] i) => (int64[N] y) {TABLE} "
        "{ b = Less (i, none) c = Where (b, i, none) a = Greater (c, last) d = Where (a, last, c) "
        "y = Gather (table, d) }",
        "node `y` (Gather) must have its index clipped to 0..3 before the lookup",
    ),
    "uint16 where": (
        "g (bool[N] c, uint16[N] x, uint16[N] z) => (uint16[N] y) { y = Where (c, x, z) }",
        "node `y` (Where) must not work on 16-bit integers, which runtimes lack here",
    ),
    "index not clipped": (
        f"g (int64[N] i) => (int64[N] y) {TABLE} {{ y = Gather (table, i) }}",
        "node `y` (Gather) must have its index clipped to 0..3 before the lookup",
    ),
    "index clipped too late": (
        f"g (uint32[N] i) => (int64[N] y) {TABLE} "
        "{ w = Cast <to = 7> (i) a = Greater (w, last) c = Where (a, last, w) j = Add (c, last) "
        "y = Gather (table, j) }",
        "node `y` (Gather) must have its index clipped to 0..3 before the lookup",
    ),
    "index below zero": (
        f"g (int64[N] i) => (int64[N] y) {TABLE} "
        "{ b = Less (i, last) c = Where (b, i, last) y = Gather (table, c) }",
        "node `y` (Gather) must have its index clipped to 0..3 before the lookup",
    ),
    "table that varies": (
        "g (int64[4] t, uint8[N] x) => (int64[N] y) { i = Cast <to = 7> (x) y = Gather (t, i) }",
        "node `y` (Gather) must look up axis 0 of a constant",
    ),
    "signed shift": (
        'g (int32[N] x, int32[N] k) => (int32[N] y) { y = BitShift <direction = "RIGHT"> (x, k) }',
        "node `y` (BitShift) must not shift signed integers, which opset 18 does not define",
    ),
    "unbounded mixed product": (
        "g (uint8[N, 2] x) => (int32[N, 1] y) <int8[2, 1] w = {65, 1}> { y = MatMulInteger (x, w) }",
        "node `y` (MatMulInteger) must keep two products of uint8 and int8 within 16 bits, but they reach "
        "0..33150: bound the uint8 operand by Clip, or use one signedness for both",
    ),
    "product of graded padding": (
        "g (uint8[N, 2] x) => (int32[N, 1] y) <int8[4, 1] w = {127, -128, 127, 127}, uint8 lo = {0}, "
        "uint8 hi = {1}, int64[4] edges = {0, 1, 0, 1}, uint8 edge = {200}> { s = Clip (x, lo, hi) "
        "p = Pad (s, edges, edge) y = MatMulInteger (p, w) }",
        "node `y` (MatMulInteger) must keep two products of uint8 and int8 within 16 bits, but they reach "
        "-51200..50800: bound the uint8 operand by Clip, or use one signedness for both",
    ),
    "foreign operator": (
        "g (int64[N] x) => (int64[N] y) { y = com.microsoft.Odd (x) }",
        "node `y` (Odd) must be a standard operator, not one of `com.microsoft`",
    ),
}
GOOD = {
    "masked division": "g (int64[N] x) => (int64[N] y) <int64 m = {-4}, int64 d = {4}> "
    "{ k = BitwiseAnd (x, m) y = Div (k, d) }",
    "division of what is not negative": "g (uint8[N] x) => (uint8[N] y) <uint8 d = {3}> { y = Div (x, d) }",
    "clipped index": f"g (int32[N] i) => (int64[N] y) {TABLE} "
    "{ w = Cast <to = 7> (i) c = Clip (w, none, last) y = Gather (table, c) }",
    "index bounded by comparisons": f"g (int64[N] i) => (int64[N] y) {TABLE} "
    "{ b = Less (i, none) c = Where (b, none, i) a = Greater (c, last) d = Where (a, last, c) "
    "y = Gather (table, d) }",
    "constant of the type of its operand": "g (int32[N] x) => (int32[N] y) "
    "{ w = Constant <value_int = 4> () d = CastLike (w, x) m = Neg (d) "
    "k = BitwiseAnd (x, m) y = Div (k, d) }",
    "parts of a narrow row": "g (int32[N, 2] x) => (int32[N, 1] y) "
    "{ a, b = Split <axis = 1, num_outputs = 2> (x) y = Min (a, b) }",
    "int32 clip": "g (int32[N] x) => (int32[N] y) <int32 lo = {0}> { y = Clip (x, lo) }",
    "unsigned shift": "g (uint32[N] x, uint32[N] k) => (uint32[N] y) "
    '{ y = BitShift <direction = "LEFT"> (x, k) }',
    "mixed product within bounds": "g (uint8[N, 2] x) => (int32[N, 1] y) <int8[2, 1] w = {64, -64}> "
    "{ y = MatMulInteger (x, w) }",
    "mixed product of spikes": "g (uint8[N, 2] x) => (int32[N, 1] y) "
    "<int8[2, 1] w = {127, -128}, uint8 lo = {0}, uint8 hi = {1}> "
    "{ s = Clip (x, lo, hi) y = MatMulInteger (s, w) }",
    "mixed product of patches of spikes": "g (uint8[N, 2] x) => (int32[N, M, 1] y) "
    "<int8[2, 1] w = {127, -128}, uint8 lo = {0}, uint8 hi = {1}, int64[4] edges = {0, 1, 0, 1}, "
    "int64[1] first = {0}, int64[1] second = {1}, int64[1] third = {3}, int64[1] end = {4}, "
    "int64[3] shape = {0, 3, 2}> { s = Clip (x, lo, hi) p = Pad (s, edges, lo) "
    "a = Slice (p, first, third, second) b = Slice (p, second, end, second) c = Concat <axis = 1> (a, b) "
    "r = Reshape (c, shape) y = MatMulInteger (r, w) }",
    "product of one signedness": "g (uint8[N, 2] x) => (int32[N, 1] y) <uint8[2, 1] w = {255, 1}> "
    "{ y = MatMulInteger (x, w) }",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_portable_is_refused_by_name(name: str) -> None:
    text, message = BAD[name]
    imports = HEADER.replace("]>", ', "com.microsoft" : 1]>')
    with pytest.raises(UnsupportedError) as caught:
        check_portable(parser.parse_model(f"{imports} {text}"))
    assert str(caught.value) == message


@pytest.mark.parametrize("name", GOOD)
def test_what_is_portable_passes(name: str) -> None:
    check_portable(parser.parse_model(f"{HEADER} {GOOD[name]}"))


def test_a_newer_opset_is_refused() -> None:
    model = parser.parse_model(f"{HEADER} g (int64[N] x) => (int64[N] y) {{ y = Identity (x) }}")
    model.opset_import[0].version = 28
    with pytest.raises(UnsupportedError, match=r"^the model must use opset 27 or older, not 28$"):
        check_portable(model)


def test_functions_and_loop_bodies_are_checked() -> None:
    text = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
    g (int64[T, N] x, int64[N] s) => (int64[N] last, int64[T, N] y) {
        last, y = Scan <num_scan_inputs = 1, body = b (int64[N] p, int64[N] q) => (int64[N] n, int64[N] o) {
            n = Add (p, q)
            o = local.halve (n)
        }> (s, x)
    }
    <domain: "local", opset_import: ["" : 18]> halve (a) => (h) {
        two = Constant <value_int = 2> ()
        h = Div (a, two)
    }"""
    with pytest.raises(UnsupportedError, match=r"\(Div\) must divide a multiple of its divisor"):
        check_portable(parser.parse_model(text))


def test_floats_inside_functions_are_found() -> None:
    text = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
    g (int64[N] x) => (int64[N] y) { y = local.f (x) }
    <domain: "local", opset_import: ["" : 18]> f (a) => (b) { f = Cast <to = 1> (a) b = Cast <to = 7> (f) }"""
    assert list(float_tensors(parser.parse_model(text))) == ["`to` of node `f` (Cast)"]


def test_float_tensors_of_any_width_are_found() -> None:
    model = parser.parse_model(f"{HEADER} g (int64[N] x) => (int64[N] y) {{ y = Identity (x) }}")
    for kind in (np.float16, np.float32, np.float64):
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(2, kind), kind.__name__))
    assert list(float_tensors(model)) == ["`float16`", "`float32`", "`float64`"]
