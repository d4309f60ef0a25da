"""The small functions of `network.c`: one per rounding mode and kind of overflow, for each word.

They are the formulas of the specification for rounding and overflow. C99 leaves `>>` of a negative number to
the implementation, so `floor_shift`, the only place where one is shifted, shifts its complement; gcc and
clang see that this is one arithmetic shift and emit the same code as for `x >> k`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from exporters.emitter import Emitter
from quantize.numbers.formats import Rounding

from .words import INT32, INT64, UINT32, Word

__all__ = ["HELPERS", "rounding_helper", "write_helpers"]

_FLOOR = "floor_shift"
"""The shift itself, which is also the rounding mode TRN."""

_NUDGES: Mapping[Rounding, tuple[str, str]] = MappingProxyType(
    {
        Rounding.TRN: ("toward minus infinity", ""),
        Rounding.TRN_ZERO: ("toward zero", "(x < 0) ? ((({t})1 << k) - 1) : 0"),
        Rounding.RND: ("to nearest, ties toward plus infinity", "({t})1 << (k - 1U)"),
        Rounding.RND_ZERO: ("to nearest, ties toward zero", "(({t})1 << (k - 1U)) - ((x < 0) ? 0 : 1)"),
        Rounding.RND_INF: ("to nearest, ties away from zero", "(({t})1 << (k - 1U)) - ((x < 0) ? 1 : 0)"),
        Rounding.RND_MIN_INF: ("to nearest, ties toward minus infinity", "(({t})1 << (k - 1U)) - 1"),
        Rounding.RND_CONV: (
            "to nearest, ties to even",
            "(({t})1 << (k - 1U)) - 1 + (floor_shift_{g}(x, k) & 1)",
        ),
    }
)
"""Mode -> what it means, and what is added before the shift."""

_LIMITS = {
    "clamp": (
        "x, or the nearer of lo and hi",
        "{t} x, {t} lo, {t} hi",
        "(x < lo) ? lo : ((x > hi) ? hi : x)",
    ),
    "larger": ("the larger of x and y", "{t} x, {t} y", "(x < y) ? y : x"),
    "smaller": ("the smaller of x and y", "{t} x, {t} y", "(x > y) ? y : x"),
}


def rounding_helper(rounding: Rounding) -> str:
    """The helper that divides by a power of two and rounds in this mode."""
    return _FLOOR if rounding is Rounding.TRN else rounding.value.lower()


def write_helpers(text: Emitter, used: Iterable[tuple[str, Word]]) -> None:
    """Write the helpers in `used`, and the shifts that they need."""
    wanted = set(used)
    wanted |= {(_FLOOR, word) for name, word in wanted if name in _ROUNDING}
    for name, word in sorted(wanted, key=lambda item: (item[0] != _FLOOR, item[0], item[1].bits)):
        _WRITERS[name](text, name, word)


def _floor_shift(text: Emitter, name: str, word: Word) -> None:
    meaning, _ = _NUDGES[Rounding.TRN]
    text()
    text(f"/* TRN: x / 2^k {meaning} */")
    _function(text, name, word, "{t} x, uint32_t k", ["return (x < 0) ? (-1 - ((-1 - x) >> k)) : (x >> k);"])


def _round(text: Emitter, name: str, word: Word) -> None:
    meaning, nudge = _NUDGES[_ROUNDING[name]]
    text()
    text(f"/* {name.upper()}: x / 2^k {meaning}; k is at least 1 */")
    body = [f"const {{t}} nudge = {nudge};", "return floor_shift_{g}(x + nudge, k);"]
    _function(text, name, word, "{t} x, uint32_t k", body)


def _limit(text: Emitter, name: str, word: Word) -> None:
    meaning, parameters, value = _LIMITS[name]
    text()
    text(f"/* {meaning} */")
    _function(text, name, word, parameters, [f"return {value};"])


def _wrap(text: Emitter, name: str, word: Word) -> None:
    text()
    text("/* WRAP: the value from lo on that equals x modulo 2^bits */")
    body = ["const u{t} mask = ((u{t})1 << bits) - 1U;", "return ({t})(((u{t})x - (u{t})lo) & mask) + lo;"]
    _function(text, name, word, "{t} x, {t} lo, uint32_t bits", body)


def _add_even(text: Emitter, name: str, word: Word) -> None:
    text()
    text("/* Both halves of sums, each with the low byte of the same half of x added */")
    text("#if defined(__ARM_FEATURE_SIMD32)")
    text("#include <arm_acle.h>")
    parameters = "{t} sums, {t} x"
    _function(text, name, word, parameters, ["return __uxtab16(sums, x);"])
    text("#else")
    _function(text, name, word, parameters, ["return sums + (x & UINT32_C(0x00ff00ff));"])
    text("#endif")


def _function(text: Emitter, name: str, word: Word, parameters: str, body: list[str]) -> None:
    """A function called `name` for `word`, whose type is `{t}` in its text and whose tag `{g}`."""
    t, g = word.type, word.tag
    text(f"static inline {t} {name}_{g}({parameters.format(t=t)})")
    text("{")
    with text.indent():
        for line in body:
            text(line.format(t=t, g=g))
    text("}")


_ROUNDING = {rounding_helper(mode): mode for mode in Rounding if mode is not Rounding.TRN}
_WRITERS: Mapping[str, Callable[[Emitter, str, Word], None]] = {
    _FLOOR: _floor_shift,
    **dict.fromkeys(_ROUNDING, _round),
    **dict.fromkeys(_LIMITS, _limit),
    "wrap": _wrap,
    "add_even": _add_even,
}
HELPERS = frozenset(f"{name}_{word.tag}" for name in _WRITERS for word in (INT32, INT64, UINT32))
"""The names of all of them."""
