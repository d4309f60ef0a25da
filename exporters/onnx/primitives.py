"""The functions of an integer model: standard operators only, each of one type throughout, int32 or int64.

Each is written in ONNX's text form. What varies from place to place by number is an attribute (`unit` is
`2**shift`, `lo` and `hi` are the ends of a format), what varies by mode is part of the name. Constants take
the type of the operand. Why the idioms are what they are: docs/onnx.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import onnx
from onnx import parser

from quantize.numbers.formats import Overflow, Rounding

__all__ = ["DOMAIN", "OPSET", "WIDE", "functions"]

DOMAIN = "expifref"
DOMAIN_VERSION = 1
OPSET = 18

WIDE = "_WIDE"
"""Ends the name of the form for int64 where it differs from that for int32."""


def _number(name: str, value: str, like: str) -> str:
    return f"{name}_whole = Constant <{value}> () {name} = CastLike ({name}_whole, {like})"


def _attribute(name: str, attribute: str, like: str = "x") -> str:
    return _number(name, f"value_int: int = @{attribute}", like)


def _literal(name: str, value: int, like: str = "x") -> str:
    return _number(name, f"value_int = {value}", like)


_ONE = _literal("one", 1)
_TWO = _literal("two", 2)
_BELOW = f"{_literal('zero', 0)} below = Less (x, zero)"
_HALF = f"{_TWO} half = Div (step, two)"
_HALVES = f"{_HALF} {_ONE} less = Sub (half, one)"
_NUDGES: Mapping[Rounding, str] = MappingProxyType(
    {
        Rounding.TRN: "nudged = Identity (x)",
        Rounding.TRN_ZERO: f"{_BELOW} {_ONE} most = Sub (step, one) nudge = Where (below, most, zero) "
        "nudged = Add (x, nudge)",
        Rounding.RND: f"{_HALF} nudged = Add (x, half)",
        Rounding.RND_ZERO: f"{_BELOW} {_HALVES} nudge = Where (below, half, less) nudged = Add (x, nudge)",
        Rounding.RND_INF: f"{_BELOW} {_HALVES} nudge = Where (below, less, half) nudged = Add (x, nudge)",
        Rounding.RND_MIN_INF: f"{_HALVES} nudged = Add (x, less)",
        Rounding.RND_CONV: f"{_literal('zero', 0)} {_HALVES} bit = BitwiseAnd (x, step) "
        "odd = Greater (bit, zero) nudge = Where (odd, half, less) nudged = Add (x, nudge)",
    }
)
"""What is added before the low bits are cleared, `step` being `2**shift`."""


def functions(names: Iterable[str]) -> list[onnx.FunctionProto]:
    """The functions called `names` and all that they call, each once and after those it calls."""
    found: dict[str, onnx.FunctionProto] = {}

    def add(name: str) -> None:
        if name in found:
            return
        function = _parse(name, *_LIBRARY[name])
        for node in function.node:
            if node.domain == DOMAIN:
                add(node.op_type)
        found[name] = function

    for name in sorted(names):
        add(name)
    return list(found.values())


def _parse(name: str, text: str, meaning: str) -> onnx.FunctionProto:
    header = f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}, "{DOMAIN}" : {DOMAIN_VERSION}]>'
    function = parser.parse_function(f"{header} {name} {text}")
    function.doc_string = meaning
    return function


def _call(output: str, function: str, inputs: str, **attributes: str) -> str:
    passed = ", ".join(f"{inner}: int = @{outer}" for inner, outer in attributes.items())
    return f"{output} = {DOMAIN}.{function} {f'<{passed}> ' if passed else ''}({inputs})"


def _shift_left() -> tuple[str, str]:
    return f"<unit> (x) => (y) {{ {_attribute('step', 'unit')} y = Mul (x, step) }}", "x * unit"


def _round_shift(mode: Rounding) -> tuple[str, str]:
    # The mask makes the division exact, so that it does not matter whether Div truncates or floors.
    text = f"""<unit> (x) => (y) {{
        {_attribute("step", "unit")}
        {_NUDGES[mode]}
        mask = Neg (step)
        kept = BitwiseAnd (nudged, mask)
        y = Div (kept, step)
    }}"""
    return text, f"x / unit rounded by {mode.value}; unit is a power of two"


def _saturate() -> tuple[str, str]:
    text = f"""<lo, hi> (x) => (y) {{
        {_attribute("lowest", "lo")}
        {_attribute("highest", "hi")}
        y = Clip (x, lowest, highest)
    }}"""
    return text, "the nearest of lo .. hi"


def _saturate_wide() -> tuple[str, str]:
    # Min, Max and Clip of int64 are wrong beyond int32 in releases of ONNX Runtime; comparisons are right.
    text = f"""<lo, hi> (x) => (y) {{
        {_attribute("lowest", "lo")}
        {_attribute("highest", "hi")}
        {_call("bounded", f"Maximum{WIDE}", "x, lowest")}
        {_call("y", f"Minimum{WIDE}", "bounded, highest")}
    }}"""
    return text, "the nearest of lo .. hi, by comparisons"


def _minimum_wide() -> tuple[str, str]:
    text = "(a, b) => (y) { above = Greater (a, b) y = Where (above, b, a) }"
    return text, "the smaller of a and b, by comparison"


def _maximum_wide() -> tuple[str, str]:
    text = "(a, b) => (y) { below = Less (a, b) y = Where (below, b, a) }"
    return text, "the larger of a and b, by comparison"


def _wrap() -> tuple[str, str]:
    text = f"""<lo, hi> (x) => (y) {{
        {_attribute("lowest", "lo")}
        {_attribute("highest", "hi")}
        span = Sub (highest, lowest)
        offset = Sub (x, lowest)
        kept = BitwiseAnd (offset, span)
        y = Add (kept, lowest)
    }}"""
    return text, "the one of lo .. hi that is equal to x modulo hi - lo + 1, a power of two"


def _segment() -> tuple[str, str]:
    text = f"""<start, unit> (x) => (index, rest) {{
        {_attribute("first", "start")}
        {_attribute("step", "unit")}
        {_ONE}
        offset = Sub (x, first)
        index = Div (offset, step)
        most = Sub (step, one)
        rest = BitwiseAnd (offset, most)
    }}"""
    return text, "the segment of a code that is inside of a table, and the place in it"


def _lookup(mode: Rounding) -> tuple[str, str]:
    text = f"""<unit> (left, rise, rest) => (y) {{
        product = Mul (rise, rest)
        {_call("risen", f"RoundShift_{mode.value}", "product", unit="unit")}
        y = Add (left, risen)
    }}"""
    return text, "between the value at the start of a segment and the one at its end, linearly"


_LIBRARY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ShiftLeft": _shift_left(),
        **{f"RoundShift_{mode.value}": _round_shift(mode) for mode in Rounding},
        f"Overflow_{Overflow.SAT.value}": _saturate(),
        f"Overflow_{Overflow.SAT.value}{WIDE}": _saturate_wide(),
        f"Overflow_{Overflow.WRAP.value}": _wrap(),
        f"Minimum{WIDE}": _minimum_wide(),
        f"Maximum{WIDE}": _maximum_wide(),
        "Segment": _segment(),
        **{f"Lookup_{mode.value}": _lookup(mode) for mode in Rounding},
    }
)
"""Every function: name -> its text after the name, and its meaning."""
