"""The update of one ExpIFRef neuron in C (docs/spec.md 5.4 and 5.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantize.formats import Rounding
from quantize.program import NeuronUpdate, Table
from quantize.ranges import Interval

from .expressions import cast, interval_of, modes, overflowing_word, shifting_word
from .unit import Unit
from .widths import NeuronWidths
from .words import Word, computing, literal, notation, range_of, storing, widest

__all__ = ["write_neuron"]


@dataclass(frozen=True)
class _Constants:
    """The expressions for the parameters of neuron `j`."""

    threshold: str
    reset: str
    steps: str


def write_neuron(unit: Unit, prefix: str, n: NeuronUpdate, widths: NeuronWidths, drive: Word) -> None:
    """Add the tables, the states and `<prefix>_neuron(j, drive)`."""
    membrane, domain = range_of(n.membrane.format), n.domain
    codes = (membrane, Interval(domain.start, domain.stop), Interval(0, domain.stop - domain.start))
    code = computing(f"{prefix}.membrane", *codes)
    q = notation(n.membrane.format)
    unit.text()
    constants = _Constants(
        unit.parameter(f"{prefix}_threshold", n.threshold, q),
        unit.parameter(f"{prefix}_reset", n.reset, q),
        unit.parameter(f"{prefix}_refractory_steps", n.refractory_steps, "time steps"),
    )
    unit.parameter(f"{prefix}_initial", n.initial, q)
    _tables(unit, prefix, n, widths, code)
    _candidate(unit, prefix, n, widths, constants.threshold, code, drive)
    unit.text()
    _neuron(unit, prefix, n, constants, code, drive)


def _tables(unit: Unit, prefix: str, n: NeuronUpdate, widths: NeuronWidths, code: Word) -> None:
    """Adds `<prefix>_growth_at(segment, rest)` and `<prefix>_gain_at(j, segment, rest)`."""
    word = shifting_word(
        f"{prefix}.interpolation",
        n.domain.shift,
        widths.interpolation,
        *(interval_of(table.values) for table in (n.growth, *n.gain)),
    )
    unit.text()
    unit.constants(f"{prefix}_growth", n.growth.values, f"{notation(n.growth.format)}: {n.growth.function}")
    signature = f"static inline {word.type} {prefix}_growth_at(uint32_t segment, {code.type} rest)"
    note = f"Spec 5.4: {notation(n.growth.format)}, {n.growth.rounding.value}."
    with unit.function(signature, note) as text:
        text(f"const {word.type} left = {prefix}_growth[segment];")
        if n.domain.shift:
            rest = cast("rest", code, word)
            text(f"const {word.type} product = ({prefix}_growth[segment + 1U] - left) * {rest};")
            text(f"return left + {unit.shifted('product', n.domain.shift, n.growth.rounding, word)};")
        else:
            _unused(unit, "rest", "return left;")
    _gain(unit, prefix, n, word, code)


def _gain(unit: Unit, prefix: str, n: NeuronUpdate, word: Word, code: Word) -> None:
    notes = "; ".join(table.function for table in n.gain)
    values = np.stack([table.values for table in n.gain])
    single = len(n.gain) == 1
    unit.text()
    unit.constants(
        f"{prefix}_gain", values[0] if single else values, f"{notation(n.gain[0].format)}: {notes}"
    )
    if not single:
        unit.constants(f"{prefix}_gain_index", n.gain_index, "the row of each neuron")
    signature = f"static inline {word.type} {prefix}_gain_at(uint32_t j, uint32_t segment, {code.type} rest)"
    rounding = ", ".join(sorted({table.rounding.value for table in n.gain}))
    with unit.function(signature, f"Spec 5.4: {notation(n.gain[0].format)}, {rounding}.") as text:
        row = f"{prefix}_gain" if single else f"{prefix}_gain[{prefix}_gain_index[j]]"
        if single:
            text("(void)j;")
        text(f"const {word.type} left = {row}[segment];")
        if not n.domain.shift:
            _unused(unit, "rest", "return left;")
            return
        text(f"const {word.type} product = ({row}[segment + 1U] - left) * {cast('rest', code, word)};")
        by_mode = _by_mode(n.gain)
        last = len(by_mode) - 1
        for place, (mode, rows) in enumerate(by_mode.items()):
            value = f"return left + {unit.shifted('product', n.domain.shift, mode, word)};"
            if place == last:
                text(value)
                continue
            test = " || ".join(f"({prefix}_gain_index[j] == {index})" for index in rows)
            with unit.block(f"if ({test})"):
                text(value)


def _candidate(
    unit: Unit,
    prefix: str,
    n: NeuronUpdate,
    widths: NeuronWidths,
    threshold: str,
    code: Word,
    drive: Word,
) -> None:
    """Adds `<prefix>_candidate(j, v, drive)`: the membrane after one step without a refractory period."""
    domain = n.domain
    align, shift = n.membrane.format.frac - n.growth.format.frac, n.gain[0].format.frac
    clipped = Interval(widths.candidate.lo, min(widths.candidate.hi, int(n.threshold.max())))
    sums = widest(
        drive,
        computing(f"{prefix}.sum", Interval(0, 1 << align), widths.code),
        overflowing_word(f"{prefix}.sum", n.sum, widths.sums),
    )
    product = shifting_word(f"{prefix}.gain_product", shift, widths.product, widths.move)
    wide = widest(
        code,
        computing(f"{prefix}.membrane", widths.move, widths.candidate),
        overflowing_word(f"{prefix}.membrane", n.membrane, clipped),
    )
    signature = f"static inline {code.type} {prefix}_candidate(uint32_t j, {code.type} v, {drive.type} drive)"
    total = f"{notation(n.sum.format)}, {n.sum.overflow.value}"
    note = f"Spec 5.5: the sum is {total}; the membrane {modes(n.membrane)}."
    with unit.function(signature, note) as text:
        inside = unit.limited("v", widths.code, Interval(domain.start, domain.stop - 1), code)
        offset = inside if domain.start == 0 else f"{inside} - {literal(domain.start, code)}"
        text(f"const {code.type} offset = {offset};")
        text(f"const uint32_t segment = (uint32_t)((u{code.type})offset >> {domain.shift}U);")
        text(f"const {code.type} rest = ({code.type})((u{code.type})offset & {(1 << domain.shift) - 1}U);")
        scale = f" * {literal(1 << align, sums)}" if align else ""
        text(
            f"const {sums.type} sum = ((({sums.type}){prefix}_growth_at(segment, rest){scale}) - v) + drive;"
        )
        kept = unit.overflowed("sum", widths.total, n.sum, sums)
        text(f"const {product.type} product = ({product.type}){prefix}_gain_at(j, segment, rest) * {kept};")
        move = cast(unit.shifted("product", shift, n.membrane.rounding, product), product, wide)
        text(f"const {wide.type} moved = v + {move};")
        text(f"const {wide.type} clipped = (moved > {threshold}) ? {threshold} : moved;")
        value = unit.overflowed("clipped", clipped, n.membrane, wide)
        text(f"return {cast(value, wide, code)};")


def _neuron(unit: Unit, prefix: str, n: NeuronUpdate, constants: _Constants, code: Word, drive: Word) -> None:
    """Adds the states and `<prefix>_neuron(j, drive)`."""
    counts = Interval(0, max(int(n.refractory_steps.max()), 1))
    membrane = storing(f"{prefix}.membrane", range_of(n.membrane.format))
    refractory = storing(f"{prefix}.refractory", counts)
    count = computing(f"{prefix}.refractory", counts)
    size = len(n.threshold)
    unit.state(f"{prefix}_membrane", size, membrane.type, membrane.bits, notation(n.membrane.format))
    unit.state(f"{prefix}_refractory", size, refractory.type, refractory.bits, "time steps left to wait")
    unit.state(f"{prefix}_spikes", size, "uint8_t", 8, "0 or 1")
    signature = f"static inline void {prefix}_neuron(uint32_t j, {drive.type} drive)"
    with unit.function(signature, "Spec 5.5: reset, step, refractory period, spike.") as text:
        text(f"const {code.type} u = {prefix}_membrane[j];")
        text(f"const {count.type} waiting = {prefix}_refractory[j];")
        text(f"const {code.type} v = (u >= {constants.threshold}) ? {constants.reset} : u;")
        text(f"const {code.type} next = (waiting > 0) ? v : {prefix}_candidate(j, v, drive);")
        text(f"const uint8_t spike = (next >= {constants.threshold}) ? 1U : 0U;")
        text(f"{prefix}_spikes[j] = spike;")
        text(f"{prefix}_membrane[j] = {cast('next', code, membrane)};")
        # Two stores, because one store of a chosen value costs a Cortex-M4 five instructions more.
        with unit.block("if (spike != 0U)", close="} else if (waiting > 0) {"):
            text(f"{prefix}_refractory[j] = ({refractory.type}){constants.steps};")
        with text.indent():
            text(f"{prefix}_refractory[j] = ({refractory.type})(waiting - 1);")
        text("} else {")
        with text.indent():
            text("/* the neuron neither spiked nor waits */")
        text("}")


def _by_mode(tables: tuple[Table, ...]) -> dict[Rounding, list[int]]:
    """Rounding mode -> the tables that use it."""
    found: dict[Rounding, list[int]] = {}
    for index, table in enumerate(tables):
        found.setdefault(table.rounding, []).append(index)
    return found


def _unused(unit: Unit, name: str, then: str) -> None:
    unit.text(f"(void){name};")
    unit.text(then)
