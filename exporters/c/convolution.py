"""The sums of a convolution over what its source sends, in C: memory holds the kernel alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from expifref.connections.windows import Axis, Window
from quantize.graph.layers import Convolution, LayerFeed
from quantize.numbers.intervals import Interval

from .accumulation import Accumulation, accumulation
from .text import block
from .unit import Array, Unit, each
from .words import Word, cast, notation

__all__ = ["write_convolution"]


@dataclass(frozen=True)
class _Places:
    """One of the two directions of a window, over the places of its source."""

    name: str  # of a place
    axis: Axis

    @property
    def reaches(self) -> range:
        """Places of the source, counted from the start of the padding."""
        return range(self.axis.before, self.axis.before + self.axis.size)

    @property
    def first(self) -> str:
        """The first position that sees the place."""
        if self.reaches[-1] < self.axis.kernel:
            return "0U"
        after = f"({_quotient(f'({self.name}reach - {self.axis.kernel}U)', self.axis.step)} + 1U)"
        if self.reaches[0] >= self.axis.kernel:
            return after
        return f"({self.name}reach < {self.axis.kernel}U) ? 0U : {after}"

    @property
    def end(self) -> str:
        """The position after the last one that sees it."""
        after = f"({_quotient(f'{self.name}reach', self.axis.step)} + 1U)"
        if self.reaches[-1] // self.axis.step < self.axis.positions:
            return after
        return f"({after} < {self.axis.positions}U) ? {after} : {self.axis.positions}U"


def write_convolution(
    unit: Unit, names: tuple[str, str], feed: LayerFeed, part: Convolution, sent: Interval, source: Word
) -> Accumulation:
    """Add the kernel of `part`, the connection of `feed`, its sums, and what adds them up.

    Args:
        names: first and last part of those of its objects.
        sent: the values that the source can send.
        source: the word that they lie in.
    """
    window = part.window
    note = f"{notation(part.weight_format)}, [place of the kernel][channel]"
    kernel = unit.constants("_weight".join(names), part.weight, note)
    sums = accumulation(unit, names, feed, sent, part.units)
    spikes = sent.binary
    with unit.function(
        f"static void {sums.function}(const {source.type} source[{part.sources}])",
        "The sum of the weights of the values that are not 0, for each position that sees them.",
    ) as text:
        with block(text, each(sums.array.count)):
            text(f"{sums.array.name}[j] = 0;")
        y, x = (_Places(name, axis) for name, axis in zip("yx", window.axes, strict=True))
        with _each_place(unit, y), _each_place(unit, x), block(text, each(window.channels, "c")):
            text(f"const uint32_t i = (((y * {window.width}U) + x) * {window.channels}U) + c;")
            with block(text, "if (source[i] != 0)"):
                value = sums.array.word
                if not spikes:
                    text(f"const {value.type} value = {cast('source[i]', source, value)};")
                _add_positions(unit, window, kernel, sums.array, "" if spikes else "value * ")
    return sums


@contextmanager
def _each_place(unit: Unit, places: _Places) -> Iterator[None]:
    """A loop over the places of the source, and which positions see each."""
    text, name = unit.text, places.name
    with block(text, each(places.axis.size, name)):
        text(f"const uint32_t {name}reach = {name} + {places.axis.before}U;")
        text(f"const uint32_t {name}first = {places.first};")
        text(f"const uint32_t {name}end = {places.end};")
        yield


def _add_positions(unit: Unit, window: Window, kernel: Array, sums: Array, scale: str) -> None:
    """Add one value to all units that see it: those of a position and a group lie side by side."""
    text, inputs = unit.text, window.channels // window.groups
    outputs = window.outputs // window.groups
    grouped = window.groups > 1
    if grouped:
        text(f"const uint32_t group = c / {inputs}U;")
    channel = f"(c % {inputs}U)" if grouped else "c"
    start = f" + (group * {outputs}U)" if grouped else ""
    with block(text, _positions("y")), block(text, _positions("x")):
        text(f"const uint32_t down = yreach - (high * {window.stride[0]}U);")
        text(f"const uint32_t across = xreach - (wide * {window.stride[1]}U);")
        place = f"(((down * {window.kernel[1]}U) + across) * {inputs}U) + {channel}"
        text(f"const {kernel.word.type} *const row = &{kernel.name}[{place}][0]{start};")
        at = f"((high * {window.plane[1]}U) + wide) * {window.outputs}U"
        text(f"{sums.word.type} *const to = &{sums.name}[{at}]{start};")
        with block(text, each(outputs)):
            text(f"to[j] += {scale}row[j];")


def _positions(axis: str) -> str:
    index = {"y": "high", "x": "wide"}[axis]
    return f"for (uint32_t {index} = {axis}first; {index} < {axis}end; ++{index})"


def _quotient(value: str, by: int) -> str:
    return value if by == 1 else f"({value} / {by}U)"
