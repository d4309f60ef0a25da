"""The small functions of `network.c`: one per rounding mode and kind of overflow, for each word.

They are the formulas of docs/spec.md sections 2 and 3. C99 leaves `>>` of a negative number to the
implementation, so `floor_shift`, the only place where one is shifted, shifts its complement; gcc and clang
see that this is one arithmetic shift and emit the same code as for `x >> k`.
"""

from __future__ import annotations

from collections.abc import Iterable

from exporters.emitter import Emitter

from .words import Word

__all__ = ["FLOOR", "write_helpers"]

FLOOR = "floor_shift"
"""The shift itself, which is also the rounding mode TRN."""

_ROUNDING = {
    "trn_zero": ("toward zero", "{t} nudge = (x < 0) ? ((({t})1 << k) - 1) : 0;"),
    "rnd": ("to nearest, ties toward plus infinity", "{t} nudge = ({t})1 << (k - 1U);"),
    "rnd_zero": (
        "to nearest, ties toward zero",
        "{t} nudge = (({t})1 << (k - 1U)) - ((x < 0) ? 0 : 1);",
    ),
    "rnd_inf": (
        "to nearest, ties away from zero",
        "{t} nudge = (({t})1 << (k - 1U)) - ((x < 0) ? 1 : 0);",
    ),
    "rnd_min_inf": ("to nearest, ties toward minus infinity", "{t} nudge = (({t})1 << (k - 1U)) - 1;"),
    "rnd_conv": (
        "to nearest, ties to even",
        "{t} nudge = (({t})1 << (k - 1U)) - 1 + (floor_shift_{g}(x, k) & 1);",
    ),
}

_LIMITS = {
    "clamp": (
        "x, or the nearer of lo and hi",
        "{t} x, {t} lo, {t} hi",
        "(x < lo) ? lo : ((x > hi) ? hi : x)",
    ),
    "at_least": ("x, or lo where x is below it", "{t} x, {t} lo", "(x < lo) ? lo : x"),
    "at_most": ("x, or hi where x is above it", "{t} x, {t} hi", "(x > hi) ? hi : x"),
}


def write_helpers(text: Emitter, used: Iterable[tuple[str, Word]]) -> None:
    """Write the helpers in `used`, and the shift that they need."""
    ordered = sorted(used, key=lambda item: (item[0], item[1].bits))
    shifting = sorted({word.bits for name, word in ordered if name in _ROUNDING or name == FLOOR})
    for bits in shifting:
        _floor_shift(text, Word(bits))
    for name, word in ordered:
        if name in _ROUNDING:
            _round(text, name, word)
        elif name in _LIMITS:
            _limit(text, name, word)
        elif name != FLOOR:
            _wrap(text, word)


def _floor_shift(text: Emitter, word: Word) -> None:
    text()
    text("/* TRN: x / 2^k toward minus infinity */")
    text(f"static inline {word.type} floor_shift_{word.tag}({word.type} x, uint32_t k)")
    text("{")
    with text.indent():
        text("return (x < 0) ? (-1 - ((-1 - x) >> k)) : (x >> k);")
    text("}")


def _round(text: Emitter, name: str, word: Word) -> None:
    meaning, nudge = _ROUNDING[name]
    text()
    text(f"/* {name.upper()}: x / 2^k {meaning}; k is at least 1 */")
    text(f"static inline {word.type} {name}_{word.tag}({word.type} x, uint32_t k)")
    text("{")
    with text.indent():
        text(f"const {nudge.format(t=word.type, g=word.tag)}")
        text(f"return floor_shift_{word.tag}(x + nudge, k);")
    text("}")


def _limit(text: Emitter, name: str, word: Word) -> None:
    meaning, parameters, value = _LIMITS[name]
    text()
    text(f"/* SAT: {meaning} */")
    text(f"static inline {word.type} {name}_{word.tag}({parameters.format(t=word.type)})")
    text("{")
    with text.indent():
        text(f"return {value};")
    text("}")


def _wrap(text: Emitter, word: Word) -> None:
    unsigned = f"u{word.type}"
    text()
    text("/* WRAP: the value from lo on that equals x modulo 2^bits */")
    text(f"static inline {word.type} wrap_{word.tag}({word.type} x, {word.type} lo, uint32_t bits)")
    text("{")
    with text.indent():
        text(f"const {unsigned} mask = (({unsigned})1 << bits) - 1U;")
        text(f"return ({word.type})((({unsigned})x - ({unsigned})lo) & mask) + lo;")
    text("}")
