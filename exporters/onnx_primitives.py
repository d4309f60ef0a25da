"""The primitives of docs/spec.md as ONNX functions: int64 in, int64 out, standard operators only.

Each is written in ONNX's text form. What varies from site to site by number is an attribute (`unit` is
`2**shift`, `lo` and `hi` are the ends of a format), what varies by mode is part of the name. Why the
idioms are what they are: docs/onnx.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import onnx
from onnx import parser

from expifref.exceptions import UnsupportedError
from quantize.formats import Overflow, Quantizer, Rounding

__all__ = ["DOMAIN", "OPSET", "functions", "rounding_name", "site_name", "unit"]

DOMAIN = "expifref"
DOMAIN_VERSION = 1
OPSET = 18
MAX_SHIFT = 62

_EXACT = "EXACT"
"""Stands for a rounding mode where the shift drops no bits."""

_NEGATIVE = "zero = Constant <value_int = 0> () below = Less (x, zero) negative = Cast <to = 7> (below)"
_HALF = "two = Constant <value_int = 2> () half = Div (step, two)"
_ONE = "one = Constant <value_int = 1> ()"
_NUDGES: Mapping[Rounding, str] = MappingProxyType(
    {
        Rounding.TRN: "nudged = Identity (x)",
        Rounding.TRN_ZERO: f"{_NEGATIVE} {_ONE} most = Sub (step, one) nudge = Mul (negative, most) "
        "nudged = Add (x, nudge)",
        Rounding.RND: f"{_HALF} nudged = Add (x, half)",
        Rounding.RND_ZERO: f"{_NEGATIVE} {_HALF} {_ONE} less = Sub (half, one) nudge = Add (less, negative) "
        "nudged = Add (x, nudge)",
        Rounding.RND_INF: f"{_NEGATIVE} {_HALF} nudge = Sub (half, negative) nudged = Add (x, nudge)",
        Rounding.RND_MIN_INF: f"{_HALF} {_ONE} nudge = Sub (half, one) nudged = Add (x, nudge)",
        Rounding.RND_CONV: f"{_HALF} {_ONE} less = Sub (half, one) bit = BitwiseAnd (x, step) "
        "odd = Div (bit, step) nudge = Add (less, odd) nudged = Add (x, nudge)",
    }
)


def rounding_name(shift: int, mode: Rounding) -> str:
    """Name part of a rounding: the mode, or `EXACT` where no bit is dropped."""
    return mode.value if shift > 0 else _EXACT


def site_name(shift: int, site: Quantizer) -> str:
    """Name part of a site that drops `shift` bits, e.g. `RND_CONV_SAT`."""
    return f"{rounding_name(shift, site.rounding)}_{site.overflow.value}"


def unit(shift: int, place: str) -> int:
    """The attribute `unit` of a shift at `place`: `2**abs(shift)`.

    Raises:
        UnsupportedError: the shift does not fit an int64 constant.
    """
    if abs(shift) > MAX_SHIFT:
        raise UnsupportedError(f"`{place}` must shift by at most {MAX_SHIFT} bits in ONNX, not {shift}")
    return 1 << abs(shift)


def functions(names: Iterable[str]) -> list[onnx.FunctionProto]:
    """The functions called `names` and all that they call, each once and after those it calls."""
    library = _library()
    found: dict[str, onnx.FunctionProto] = {}

    def add(name: str) -> None:
        if name in found:
            return
        function = _parse(name, *library[name])
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


def _attribute(name: str, attribute: str) -> str:
    return f"{name} = Constant <value_int: int = @{attribute}> ()"


def _call(output: str, function: str, inputs: str, **attributes: str) -> str:
    passed = ", ".join(f"{inner}: int = @{outer}" for inner, outer in attributes.items())
    return f"{output} = {DOMAIN}.{function} {f'<{passed}> ' if passed else ''}({inputs})"


def _library() -> dict[str, tuple[str, str]]:
    """Every function: name -> its text after the name, and its meaning."""
    roundings = [*(mode.value for mode in Rounding), _EXACT]
    overflows = [mode.value for mode in Overflow]
    library = {f"RoundShift_{mode.value}": _round_shift(mode) for mode in Rounding}
    library[f"RoundShift_{_EXACT}"] = (
        f"<unit> (x) => (y) {{ {_attribute('step', 'unit')} y = Mul (x, step) }}",
        "x * unit: a shift to the left (spec 2)",
    )
    library |= {"Overflow_SAT": _saturate(), "Overflow_WRAP": _wrap()}
    library |= {"Smaller": _smaller(), "Larger": _larger()}
    library |= {"TableIndex": _table_index(), "ExpIFReset": _reset()}
    for rounding in roundings:
        library[f"TableLookup_{rounding}"] = _table_lookup(rounding)
        for overflow in overflows:
            library[f"Requantize_{rounding}_{overflow}"] = _requantize(rounding, overflow)
            library[f"Rescale_{rounding}_{overflow}"] = _rescale(rounding, overflow)
            library[f"Filter_{rounding}_{overflow}"] = _filter(rounding, overflow)
            for sum_overflow in overflows:
                library[f"ExpIFUpdate_{rounding}_{sum_overflow}_{overflow}"] = _update(
                    rounding, sum_overflow, overflow
                )
    return library


def _round_shift(mode: Rounding) -> tuple[str, str]:
    # The mask makes the division exact, so that it does not matter whether Div truncates or floors.
    text = f"""<unit> (x) => (y) {{
        {_attribute("step", "unit")}
        {_NUDGES[mode]}
        mask = Neg (step)
        kept = BitwiseAnd (nudged, mask)
        y = Div (kept, step)
    }}"""
    return text, f"x / unit rounded by {mode.value}; unit is a power of two (spec 2)"


def _saturate() -> tuple[str, str]:
    text = f"""<lo, hi> (x) => (y) {{
        {_attribute("lowest", "lo")}
        {_attribute("highest", "hi")}
        {_call("bounded", "Larger", "x, lowest")}
        {_call("y", "Smaller", "bounded, highest")}
    }}"""
    return text, "the nearest of lo .. hi (spec 3)"


def _smaller() -> tuple[str, str]:
    # Min, Max and Clip of int64 are wrong beyond int32 in releases of ONNX Runtime; comparisons are right.
    return "(a, b) => (y) { above = Greater (a, b) y = Where (above, b, a) }", "the smaller of a and b"


def _larger() -> tuple[str, str]:
    return "(a, b) => (y) { below = Less (a, b) y = Where (below, b, a) }", "the larger of a and b"


def _wrap() -> tuple[str, str]:
    text = f"""<lo, hi> (x) => (y) {{
        {_attribute("lowest", "lo")}
        {_attribute("highest", "hi")}
        span = Sub (highest, lowest)
        offset = Sub (x, lowest)
        kept = BitwiseAnd (offset, span)
        y = Add (kept, lowest)
    }}"""
    return text, "the one of lo .. hi that is equal to x modulo hi - lo + 1, a power of two (spec 3)"


def _requantize(rounding: str, overflow: str) -> tuple[str, str]:
    text = f"""<unit, lo, hi> (x) => (y) {{
        {_call("rounded", f"RoundShift_{rounding}", "x", unit="unit")}
        {_call("y", f"Overflow_{overflow}", "rounded", lo="lo", hi="hi")}
    }}"""
    return text, "rounded once, then overflowed once (spec 3)"


def _rescale(rounding: str, overflow: str) -> tuple[str, str]:
    text = f"""<unit, lo, hi> (accumulator, multiplier, bias) => (q) {{
        product = Mul (accumulator, multiplier)
        biased = Add (product, bias)
        {_call("q", f"Requantize_{rounding}_{overflow}", "biased", unit="unit", lo="lo", hi="hi")}
    }}"""
    return text, "requantize(accumulator * multiplier + bias) (spec 5.2)"


def _filter(rounding: str, overflow: str) -> tuple[str, str]:
    text = f"""<unit, lo, hi> (filter, decay, q) => (filter_next) {{
        product = Mul (filter, decay)
        {_call("leak", f"RoundShift_{rounding}", "product", unit="unit")}
        rest = Sub (filter, leak)
        driven = Add (rest, q)
        {_call("filter_next", f"Overflow_{overflow}", "driven", lo="lo", hi="hi")}
    }}"""
    return text, "overflow(filter - round_shift(filter * decay) + q) (spec 5.3)"


def _table_index() -> tuple[str, str]:
    text = f"""<start, last, unit> (v) => (index, rest) {{
        {_attribute("first", "start")}
        {_attribute("final", "last")}
        {_attribute("step", "unit")}
        {_call("bounded", "Larger", "v, first")}
        {_call("inside", "Smaller", "bounded, final")}
        offset = Sub (inside, first)
        mask = Neg (step)
        kept = BitwiseAnd (offset, mask)
        index = Div (kept, step)
        rest = Sub (offset, kept)
    }}"""
    return text, "the segment of a membrane code and the place in it (spec 5.4)"


def _table_lookup(rounding: str) -> tuple[str, str]:
    text = f"""<unit> (values, index, rest) => (y) {{
        {_ONE}
        next = Add (index, one)
        left = Gather <axis = 0> (values, index)
        right = Gather <axis = 0> (values, next)
        rise = Sub (right, left)
        product = Mul (rise, rest)
        {_call("risen", f"RoundShift_{rounding}", "product", unit="unit")}
        y = Add (left, risen)
    }}"""
    return text, "linear interpolation between the ends of a segment (spec 5.4)"


def _reset() -> tuple[str, str]:
    text = """(u, threshold, reset) => (v) {
        spiked = GreaterOrEqual (u, threshold)
        v = Where (spiked, reset, u)
    }"""
    return text, "the membrane at the start of a step (spec 5.5, first line)"


def _update(rounding: str, sum_overflow: str, overflow: str) -> tuple[str, str]:
    attributes = "growth_unit, sum_lo, sum_hi, gain_unit, membrane_lo, membrane_hi"
    inputs = "v, refractory, growth, gain, drive, threshold, refractory_steps"
    text = f"""<{attributes}> ({inputs}) => (u_next, spike, refractory_next) {{
        {_attribute("scale", "growth_unit")}
        zero = Constant <value_int = 0> ()
        {_ONE}
        grown = Mul (growth, scale)
        drift = Sub (grown, v)
        driven = Add (drift, drive)
        {_call("sum", f"Overflow_{sum_overflow}", "driven", lo="sum_lo", hi="sum_hi")}
        product = Mul (gain, sum)
        {_call("move", f"RoundShift_{rounding}", "product", unit="gain_unit")}
        moved = Add (v, move)
        {_call("clamped", "Smaller", "moved, threshold")}
        {_call("candidate", f"Overflow_{overflow}", "clamped", lo="membrane_lo", hi="membrane_hi")}
        waiting = Greater (refractory, zero)
        u_next = Where (waiting, v, candidate)
        spiked = GreaterOrEqual (u_next, threshold)
        spike = Cast <to = 2> (spiked)
        waited = Sub (refractory, one)
        {_call("left", "Larger", "waited, zero")}
        refractory_next = Where (spiked, refractory_steps, left)
    }}"""
    return text, "the exponential integrate-and-fire step after its table lookups (spec 5.5)"
