"""Sums, products, choices, rounding and overflow as expressions of a pipeline.

Each takes the interval of its result where more is known of it than the operands say; high bits are then cut
off, which hold copies of the sign.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.numbers.formats import Overflow, Quantizer, Rounding, round_shift
from quantize.numbers.intervals import Interval

from .pipeline import Pipeline, Product
from .values import Value, cut, extend, literal

__all__ = [
    "add",
    "choose",
    "multiply",
    "overflowed",
    "rounded",
    "shifted_by",
    "shifted_left",
    "span",
    "stage_of",
]


def span(*ends: int) -> Interval:
    """The narrowest interval around `ends`."""
    return Interval(min(ends), max(ends))


def stage_of(*values: Value) -> int:
    """The stage of values that are at one, constants aside."""
    return max(value.stage for value in values if value.stage is not None)


def multiply(pipe: Pipeline, name: str, a: Value, b: Value, interval: Interval | None = None) -> Value:
    """`a * b`."""
    whole = span(*(x * y for x in a.interval for y in b.interval))
    interval = interval or whole
    width = max(whole.bits, a.width, b.width)
    product = f"{extend(a, width)} * {extend(b, width)}"
    made = pipe.wire(name, stage_of(a, b), interval, _cut(product, width, interval))
    pipe.products.append(Product(made, (a, b)))
    return made


def add(pipe: Pipeline, name: str, *terms: tuple[str, Value], interval: Interval | None = None) -> Value:
    """The sum of signed terms, each `("+" | "-", value)`, the first of them positive."""
    if interval is None:
        lo = sum(v.interval.lo if sign == "+" else -v.interval.hi for sign, v in terms)
        hi = sum(v.interval.hi if sign == "+" else -v.interval.lo for sign, v in terms)
        interval = Interval(lo, hi)
    width = interval.bits
    (_, first), *rest = terms
    text = extend(first, width)
    text += "".join(f" {sign} {extend(value, width)}" for sign, value in rest)
    return pipe.wire(name, stage_of(*(v for _, v in terms)), interval, text)


def choose(
    pipe: Pipeline, name: str, stage: int, condition: str, ways: Sequence[Value], interval: Interval
) -> Value:
    """The first of `ways` where `condition` holds, else the second."""
    a, b = (extend(way, interval.bits) for way in ways)
    return pipe.wire(name, stage, interval, f"({condition}) ? {a} : {b}")


def shifted_left(pipe: Pipeline, name: str, x: Value, shift: int, interval: Interval | None = None) -> Value:
    """`x * 2**shift`."""
    interval = interval or span(*(end << shift for end in x.interval))
    return pipe.wire(name, stage_of(x), interval, f"{extend(x, interval.bits)} <<< {shift}")


def shifted_by(pipe: Pipeline, name: str, x: Value, places: Value, interval: Interval) -> Value:
    """`x * 2**places`, where `places` is not negative."""
    text = f"{extend(x, interval.bits)} <<< $unsigned({places.name})"
    return pipe.wire(name, stage_of(x, places), interval, text, "a power of two: no multiplier")


def rounded(
    pipe: Pipeline, name: str, x: Value, shift: int, mode: Rounding, interval: Interval | None = None
) -> Value:
    """`round_shift(x, shift, mode)`, `shift` not negative."""
    stage = stage_of(x)
    interval = interval or span(*(round_shift(end, shift, mode) for end in x.interval))
    if shift == 0:
        return pipe.wire(name, stage, interval, extend(x, interval.bits))
    width = max(x.interval.rounded(shift).bits, shift + 2)
    wide = extend(x, width)
    nudge = _nudge(x, shift, mode, width)
    if nudge is None:
        text = f"{wide} >>> {shift}"
    else:
        sum_ = pipe.wire(f"{name}_NUDGED", stage, Interval(-(1 << (width - 1)), 0), f"{wide} + {nudge}", mode)
        text = f"{sum_.name} >>> {shift}"
    return pipe.wire(name, stage, interval, _cut(text, width, interval))


def overflowed(
    pipe: Pipeline, name: str, x: Value, site: Quantizer, interval: Interval | None = None
) -> Value:
    """`overflow(x, site.format, site.overflow)`."""
    stage, fmt = stage_of(x), site.format
    whole = x.interval.overflowed(site)
    interval = interval or whole
    if x.interval.inside(fmt):
        return pipe.wire(name, stage, interval, extend(x, interval.bits), f"{fmt}, cannot overflow")
    note = f"{fmt}, {site.overflow}"
    if site.overflow is Overflow.SAT:
        text = _saturated(pipe, name, x, site, whole)
        return pipe.wire(name, stage, interval, _cut(text, whole.bits, interval), note)
    # Masked rather than cut, which says that the bits above are dropped on purpose.
    width = max(x.width, fmt.bits + (0 if fmt.signed else 1))
    masked = f"{extend(x, width)} & {literal((1 << fmt.bits) - 1, width)}"
    return pipe.wire(name, stage, interval, _cut(masked, width, interval), note)


def _saturated(pipe: Pipeline, name: str, x: Value, site: Quantizer, interval: Interval) -> str:
    fmt, width = site.format, interval.bits
    if fmt.signed and 2 <= fmt.bits < x.width:
        # The bits above the result tell whether it fits: shorter than two comparisons.
        sign, top = f"{x.name}[{x.width - 1}]", fmt.bits - 1
        same = f"{x.name}[{x.width - 1}:{top}] == {{{x.width - top}{{{sign}}}}}"
        fits = pipe.flag(f"{name}_FITS", stage_of(x), same)
        return f"{fits.name} ? {x.name}[{top}:0] : {{{sign}, {{{top}{{~{sign}}}}}}}"
    text = extend(x, width)
    if x.interval.hi > fmt.hi:
        text = f"({x.name} > {literal(fmt.hi, x.width)}) ? {literal(fmt.hi, width)} : {text}"
    if x.interval.lo < fmt.lo:
        text = f"({x.name} < {literal(fmt.lo, x.width)}) ? {literal(fmt.lo, width)} : {text}"
    return text


def _nudge(x: Value, shift: int, mode: Rounding, width: int) -> str | None:
    """What is added before the floor; None for nothing. A table of section 2."""
    half = 1 << (shift - 1)
    sign = f"{x.name}[{x.width - 1}]"
    match mode:
        case Rounding.TRN:
            return None
        case Rounding.TRN_ZERO:
            return f"({sign} ? {literal((1 << shift) - 1, width)} : {literal(0, width)})"
        case Rounding.RND:
            return literal(half, width)
        case Rounding.RND_ZERO:
            return f"({sign} ? {literal(half, width)} : {literal(half - 1, width)})"
        case Rounding.RND_INF:
            return f"({sign} ? {literal(half - 1, width)} : {literal(half, width)})"
        case Rounding.RND_MIN_INF:
            return literal(half - 1, width)
        case Rounding.RND_CONV:
            odd = f"{x.name}[{min(shift, x.width - 1)}]"
            return f"({odd} ? {literal(half, width)} : {literal(half - 1, width)})"


def _cut(text: str, width: int, interval: Interval) -> str:
    return text if width == interval.bits else cut(text, interval.bits)
