"""The pipelined neuron datapath, one update per clock (docs/spec.md 5.4 and 5.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from exporters.emitter import Emitter
from quantize.emulator import lookup
from quantize.formats import Quantizer, Rounding
from quantize.program import NeuronUpdate, Table
from quantize.ranges import Interval

from .arithmetic import add, multiply, overflowed, rounded, span
from .control import validity
from .memories import Field, Files, Rom, constants, neuron_field
from .module import input_port, module, output_port
from .pipeline import Pipeline
from .values import Value, clog2, cut, extend, flag, literal, unsigned_bits

__all__ = ["LATENCY", "Datapath", "neuron_fields", "neuron_module", "reset_stage", "state_values", "update"]

LATENCY = 14

_FREE_ROWS = 256
"""A table of so many words takes no more block RAM than a shorter one."""


@dataclass(frozen=True)
class Datapath:
    """What the core that holds the datapath has to know of it."""

    name: str
    drive: Value
    parameters: tuple[Value, ...]  # ports for what differs from neuron to neuron
    membrane: Value
    refractory: Value


def neuron_fields(n: NeuronUpdate) -> tuple[Field, ...]:
    """The constants of the neurons that the datapath reads."""
    fields = [
        neuron_field("threshold", n.threshold),
        neuron_field("reset", n.reset),
        neuron_field("refractory_steps", n.refractory_steps),
    ]
    return (*fields, *([neuron_field("gain_index", n.gain_index)] if len(n.gain) > 1 else []))


def state_values(n: NeuronUpdate) -> tuple[Value, Value]:
    """The membrane and the refractory counter as the inputs of the datapath."""
    fmt = n.membrane.format
    membrane = Value("membrane", Interval(fmt.lo, fmt.hi), 0)
    return membrane, Value("refractory", Interval(0, max(int(n.refractory_steps.max()), 1)), 0)


def neuron_module(e: Emitter, files: Files, name: str, n: NeuronUpdate, drive: Quantizer) -> Datapath:
    """Write the datapath of a layer as module `name`, and its tables into `files`."""
    membrane, refractory = state_values(n)
    drive_in = Value("drive", Interval(drive.format.lo, drive.format.hi), 0)
    varying = [field for field in neuron_fields(n) if not field.uniform]
    roms = _roms(n, name)
    for rom in roms:
        files[rom.file] = rom.text()
    inputs = (drive_in, membrane, refractory)
    ports = tuple(Value(field.name, field.stored, 0) for field in varying)
    outputs = _outputs(n)
    every = [input_port(flag("valid", 0)), *(input_port(value) for value in (*inputs, *ports))]
    every += [output_port(flag("valid_out", 0)), *(output_port(value) for value in outputs)]
    with module(e, name, every, _comment(n, drive)):
        fixed = constants(e, neuron_fields(n))
        named = {value.name: value for value in ports} | fixed
        e()
        pipe = Pipeline()
        v = reset_stage(pipe, membrane, named)
        growth, gain = _tables(pipe, n, roms, v, named)
        results = update(pipe, n, 7, growth, gain, v, drive_in, refractory, named)
        _write(e, pipe, roms, results, outputs)
    return Datapath(name, drive_in, ports, membrane, refractory)


def _outputs(n: NeuronUpdate) -> tuple[Value, Value, Value]:
    membrane, refractory = state_values(n)
    return (
        Value("membrane_next", membrane.interval, 0),
        Value("refractory_next", refractory.interval, 0),
        flag("spike", 0),
    )


def _comment(n: NeuronUpdate, drive: Quantizer) -> Sequence[str]:
    gains = f"{len(n.gain)} table{'s' if len(n.gain) > 1 else ''}"
    return (
        "One ExpIFRef update per clock: u' = v + gain(v) * (growth(v) - v + drive).",
        f"membrane {n.membrane.format} {n.membrane.rounding} {n.membrane.overflow}, drive {drive.format}, "
        f"sum {n.sum.format} {n.sum.overflow}",
        f"growth {n.growth.format} {n.growth.rounding} ({n.growth.function})",
        f"gain   {n.gain[0].format} {n.gain[0].rounding} ({n.gain[0].function}), {gains}",
        f"Tables: {n.domain.segments} segments of 2^{n.domain.shift} codes from {n.domain.start}; "
        "a word is the value at the left end and the rise to the right end.",
    )


def _roms(n: NeuronUpdate, name: str) -> tuple[Rom, Rom]:
    """The growth and the gain tables as words of value and rise."""
    rows = _rows(n)
    address_bits, depth = clog2(rows), max(rows, 2)
    end = np.array([n.domain.stop - 1])

    def words(forms: Sequence[Table], part: str) -> list[Field]:
        padded = np.zeros((len(forms), 2, 1 << address_bits), np.int64)
        for index, table in enumerate(forms):
            padded[index, 0, : n.domain.segments] = table.values[:-1]
            padded[index, 0, n.domain.segments : rows] = lookup(table.values, n.domain, table, end)[0]
            padded[index, 1, : n.domain.segments] = np.diff(table.values)
        left, rise = padded[:, 0].ravel(), padded[:, 1].ravel()
        if len(forms) == 1:
            left, rise = left[:depth], rise[:depth]
        interpolated = [Field(f"{part}_rise", rise)] if n.domain.shift else []
        return [Field(f"{part}_left", left), *interpolated]

    gains = len(n.gain) << address_bits if len(n.gain) > 1 else depth
    return (
        Rom("growth_table", f"{name}_growth.hex", tuple(words([n.growth], "growth")), depth),
        Rom("gain_table", f"{name}_gain.hex", tuple(words(n.gain, "gain")), gains),
    )


def _rows(n: NeuronUpdate) -> int:
    """Words of a table: its segments, and where a few more reach the threshold, constant ones up to it.

    Then no membrane code lies right of the table, and nothing has to be clamped there.
    """
    reached = ((int(n.threshold.max()) - 1 - n.domain.start) >> n.domain.shift) + 1
    fits = n.domain.segments < reached <= max(1 << clog2(n.domain.segments), _FREE_ROWS)
    return reached if fits else n.domain.segments


def reset_stage(pipe: Pipeline, membrane: Value, named: dict[str, Value]) -> Value:
    """What the neuron starts the step from, at stage 0."""
    pipe.title(0, "a neuron at its threshold has spiked and starts from its reset")
    threshold, reset = named["threshold"], named["reset"]
    width = max(membrane.width, threshold.width)
    interval = Interval(membrane.interval.lo, max(threshold.interval.hi - 1, membrane.interval.lo))
    fired = f"{extend(membrane, width)} >= {extend(threshold, width)}"
    return pipe.wire(
        "v", 0, interval, f"({fired}) ? {extend(reset, interval.bits)} : {extend(membrane, interval.bits)}"
    )


def _tables(
    pipe: Pipeline, n: NeuronUpdate, roms: tuple[Rom, Rom], v: Value, named: dict[str, Value]
) -> tuple[Value, Value]:
    """The growth and the gain, at stage 7 at the latest; the memories are read between stages 3 and 4."""
    rest = _address(pipe, n, v, named)
    pipe.title(4, "the words of the tables")
    pipe.title(5, "a register after the memory, then the rise within the segment")
    pipe.title(6, "interpolation")
    tables = []
    for rom, part, forms in ((roms[0], "growth", (n.growth,)), (roms[1], "gain", n.gain)):
        all_values = np.concatenate([table.values for table in forms])
        outputs = [pipe.at(value, 5) for value in rom.outputs(4)]
        hull = Interval(0, max(int(all_values.max()), 1))
        if rest is None:
            left = pipe.at(outputs[0], 6)
            tables.append(pipe.wire(part, 6, hull, extend(left, hull.bits)))
            continue
        product = multiply(pipe, f"{part}_product", outputs[1], pipe.at(rest, 5))
        product, left = pipe.at(product, 6), pipe.at(outputs[0], 6)
        if {table.rounding for table in forms} == {Rounding.RND}:
            tables.append(_rounded_sum(pipe, part, left, product, n.domain.shift, hull))
            continue
        step = _step(pipe, part, product, n.domain.shift, forms, named)
        tables.append(add(pipe, part, ("+", left), ("+", step), interval=hull))
    return tables[0], tables[1]


def _rounded_sum(pipe: Pipeline, part: str, left: Value, product: Value, shift: int, hull: Interval) -> Value:
    """`left + round_shift(product, shift, RND)` at stage 7, rounded by one sum.

    `left` and half an LSB stand side by side in one word: multiply, sum and their registers are what a
    multiplier block with an adder holds, and elsewhere the sum needs no more bits than the result.
    """
    width = max(hull.bits + shift, product.width)
    half = literal(1 << (shift - 1), width)
    lifted = f"({extend(left, width)} <<< {shift}) | {half}"
    scaled = pipe.wire(f"{part}_scaled", 6, _whole(width), f"({lifted}) + {extend(product, width)}", "RND")
    scaled = pipe.at(scaled, 7)
    return pipe.wire(part, 7, hull, cut(f"{scaled.name} >>> {shift}", hull.bits))


def _whole(width: int) -> Interval:
    return Interval(-(1 << (width - 1)), (1 << (width - 1)) - 1)


def _step(
    pipe: Pipeline, part: str, product: Value, shift: int, forms: Sequence[Table], named: dict[str, Value]
) -> Value:
    """The rounded rise; tables that round in several ways each have their own, and the index chooses."""
    modes = [table.rounding for table in forms]
    if len(set(modes)) == 1:
        return rounded(pipe, f"{part}_step", product, shift, modes[0])
    steps = {
        mode: rounded(pipe, f"{part}_{mode.lower()}", product, shift, mode) for mode in sorted(set(modes))
    }
    hull = span(*(end for step in steps.values() for end in step.interval))
    index = pipe.at(named["gain_index"], 6)
    width = max(index.width, unsigned_bits(len(modes)) + 1)
    text = extend(steps[modes[-1]], hull.bits)
    for number, mode in reversed(list(enumerate(modes[:-1]))):
        chosen = f"{extend(index, width)} == {literal(number, width)}"
        text = f"({chosen}) ? {extend(steps[mode], hull.bits)} : {text}"
    return pipe.wire(f"{part}_step", 6, hull, text)


def _address(pipe: Pipeline, n: NeuronUpdate, v: Value, named: dict[str, Value]) -> Value | None:
    """Wires `segment` and, of several tables, `gain_segment` at stage 3; returns the place within."""
    start, last = n.domain.start, n.domain.stop - 1
    inside = Interval(0, last - start)
    last += (_rows(n) - n.domain.segments) << n.domain.shift
    inside = Interval(0, last - start)
    reach = span(v.interval.lo - start, v.interval.hi - start, *inside)
    width = max(reach.bits, span(start, 0).bits)
    pipe.title(1, "the distance from the start of the tables, and the part of the sum that is known")
    difference = f"{extend(pipe.at(v, 1), width)} - {literal(start, width)}"
    distance = pipe.wire(
        "distance", 1, reach, difference if width == reach.bits else cut(difference, reach.bits)
    )
    pipe.title(2, "clamped to the tables")
    distance = pipe.at(distance, 2)
    choice = extend(distance, inside.bits)
    if reach.hi > inside.hi:
        above = f"{distance.name} > {literal(inside.hi, reach.bits)}"
        choice = f"({above}) ? {literal(inside.hi, inside.bits)} : {choice}"
    if reach.lo < 0:
        below = f"{distance.name} < {literal(0, reach.bits)}"
        choice = f"({below}) ? {literal(0, inside.bits)} : {choice}"
    place = pipe.at(pipe.wire("clamped", 2, inside, choice), 3)
    pipe.title(3, "cut into segment and rest")
    bits = clog2(_rows(n))
    pipe.bits("segment", 3, bits, f"{bits}'({place.name} >>> {n.domain.shift})")
    index = named.get("gain_index")
    if index is not None:
        number = unsigned_bits(len(n.gain) - 1)
        table = pipe.at(index, 3)
        width = max(table.width, number + 1)
        chosen = f"{number}'({extend(table, width)} & {literal((1 << number) - 1, width)})"
        pipe.bits("gain_segment", 3, number + bits, f"{{{chosen}, segment}}")
    if not n.domain.shift:
        return None
    mask = (1 << n.domain.shift) - 1
    wide_place = max(place.width, n.domain.shift + 1)
    masked = f"{extend(place, wide_place)} & {literal(mask, wide_place)}"
    within = Interval(0, mask)
    text = masked if wide_place == within.bits else f"{within.bits}'({masked})"
    return pipe.wire("rest", 3, within, text)


def update(
    pipe: Pipeline,
    n: NeuronUpdate,
    first: int,
    growth: Value | None,
    gain: Value,
    v: Value,
    drive: Value,
    refractory: Value,
    named: dict[str, Value],
) -> tuple[Value, Value, Value]:
    """From the table values to the next state and the spike, over seven stages from `first` on.

    Without `growth` the update is that of a leaky integrate-and-fire neuron.
    """
    total = lead = add(pipe, "lead", ("+", pipe.at(drive, 1)), ("-", pipe.at(v, 1)))
    if growth is not None:
        pipe.title(first, "growth - v + drive")
        align = n.membrane.format.frac - n.growth.format.frac
        aligned = rounded(pipe, "growth_aligned", pipe.at(growth, first), -align, n.growth.rounding)
        total = add(pipe, "total", ("+", aligned), ("+", pipe.at(lead, first)))
    pipe.title(first + 1, "the sum, brought into its format")
    total_sum = overflowed(pipe, "sum", pipe.at(total, first + 1), n.sum)
    pipe.title(first + 2, "the multiply of the update")
    product = multiply(pipe, "product", pipe.at(gain, first + 2), pipe.at(total_sum, first + 2))
    pipe.title(first + 3, "rounded to the membrane")
    move = rounded(pipe, "move", pipe.at(product, first + 3), n.gain[0].format.frac, n.membrane.rounding)
    pipe.title(first + 4, "the candidate")
    candidate = add(pipe, "candidate", ("+", pipe.at(v, first + 4)), ("+", pipe.at(move, first + 4)))
    pipe.title(first + 5, "clamped to the threshold, held while refractory")
    candidate, threshold = pipe.at(candidate, first + 5), pipe.at(named["threshold"], first + 5)
    width = max(candidate.width, threshold.width)
    reached = pipe.flag("reached", first + 5, f"{extend(candidate, width)} >= {extend(threshold, width)}")
    low = min(candidate.interval.lo, threshold.interval.lo)
    limited_to = Interval(low, min(candidate.interval.hi, threshold.interval.hi))
    limited = pipe.wire(
        "limited",
        first + 5,
        limited_to,
        f"{reached.name} ? {extend(threshold, limited_to.bits)} : {extend(candidate, limited_to.bits)}",
    )
    updated = overflowed(pipe, "updated", limited, n.membrane)
    waiting = pipe.flag(
        "waiting", first + 5, f"{pipe.at(refractory, first + 5).name} != {literal(0, refractory.width)}"
    )
    held = span(*updated.interval, *v.interval)
    chosen = pipe.wire(
        "chosen",
        first + 5,
        held,
        f"{waiting.name} ? {extend(pipe.at(v, first + 5), held.bits)} : {extend(updated, held.bits)}",
    )
    pipe.title(first + 6, "spike, and the refractory counter")
    after, threshold = pipe.at(chosen, first + 6), pipe.at(named["threshold"], first + 6)
    width = max(after.width, threshold.width)
    fires = pipe.flag("fires", first + 6, f"{extend(after, width)} >= {extend(threshold, width)}")
    counter = pipe.at(refractory, first + 6)
    one, zero = literal(1, counter.width), literal(0, counter.width)
    left = f"({pipe.at(waiting, first + 6).name} ? {counter.name} - {one} : {zero})"
    steps = extend(pipe.at(named["refractory_steps"], first + 6), counter.width)
    counted = pipe.wire("counted", first + 6, counter.interval, f"{fires.name} ? {steps} : {left}")
    return after, counted, fires


def _write(
    e: Emitter,
    pipe: Pipeline,
    roms: tuple[Rom, Rom],
    results: tuple[Value, Value, Value],
    outputs: tuple[Value, Value, Value],
) -> None:
    gain_address = "gain_segment" if roms[1].depth > roms[0].depth else "segment"
    memories = Emitter()
    roms[0].write(memories, "segment")
    roms[1].write(memories, gain_address)
    pipe.insert(4, str(memories))
    last = [pipe.at(value, LATENCY) for value in results]
    pipe.write(e)
    validity(e, LATENCY)
    for value, output in zip(last, outputs, strict=True):
        e(f"assign {output.name} = {extend(value, output.width)};")
