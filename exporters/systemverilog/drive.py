"""From accumulators to drives: rescale, and the filter with its memory (docs/spec.md 5.2 and 5.3)."""

from __future__ import annotations

import numpy as np

from exporters.emitter import Emitter
from quantize.formats import Format, Quantizer
from quantize.program import Filter, ReadoutLayer, SpikingLayer
from quantize.ranges import Interval

from .arithmetic import add, multiply, overflowed, rounded
from .control import clearing, counter, validity
from .memories import Field, Files, Rom, constants, neuron_field
from .module import input_port, module, output_port
from .pipeline import Pipeline
from .values import Value, clog2, declaration, extend, flag, literal

__all__ = ["drive_module", "filter_of", "output_format"]

_FILTERED = 7
"""The stage at which the new filter state is known."""


def filter_of(layer: SpikingLayer | ReadoutLayer) -> Filter | None:
    """The filter of a layer, if it has one."""
    if isinstance(layer, ReadoutLayer):
        return layer.filter
    return None if layer.synapse is None else layer.synapse.filter


def output_format(layer: SpikingLayer | ReadoutLayer) -> Format:
    """The format of what leaves the module: the drive, or the readout."""
    return layer.filter.site.format if isinstance(layer, ReadoutLayer) else layer.drive.format


def drive_module(
    e: Emitter, files: Files, name: str, layer: SpikingLayer | ReadoutLayer, accumulator: Value
) -> Value:
    """Write module `name`; returns its output, the drive or, in a readout layer, the new state.

    Neurons come in order, one accumulator per `valid`; the module counts them itself.
    """
    fields = _fields(layer)
    varying = tuple(field for field in fields if not field.uniform)
    rom = Rom("constant", f"{name}.hex", varying, max(layer.width, 2))
    fmt = output_format(layer)
    output = Value("drive", Interval(fmt.lo, fmt.hi), 0)
    ports = [input_port(flag("valid", 0)), input_port(accumulator)]
    ports += [output_port(flag("valid_out", 0)), output_port(output)]
    with module(e, name, ports, _comment(layer)):
        named = constants(e, fields)
        e()
        validity(e, latency(layer))
        e()
        counter(e, "index", "valid", layer.width)
        if varying:
            files[rom.file] = rom.text()
            rom.write(e, "index")
            named |= {value.name: value for value in rom.outputs(1)}
        pipe = Pipeline()
        result = _rescale(pipe, layer, accumulator, named)
        part = filter_of(layer)
        if part is not None:
            stored = _filter_memory(e, part.site.format, layer.width)
            state = result = _filter(pipe, part, stored, result, named)
        if isinstance(layer, SpikingLayer) and layer.synapse is not None:
            result = _synapse(pipe, layer.synapse.filter, layer.synapse.drive, result, named)
        result = pipe.at(result, latency(layer))
        pipe.write(e)
        if part is not None:
            kept = extend(state, stored.width)
            e(f"assign filter_written = clearing ? {literal(0, stored.width)} : {kept};")
        e(f"assign drive = {extend(result, output.width)};")
    return output


def latency(layer: SpikingLayer | ReadoutLayer) -> int:
    """Clocks from `valid` to `valid_out`."""
    if isinstance(layer, ReadoutLayer):
        return 8
    return 6 if layer.synapse is None else 10


def _fields(layer: SpikingLayer | ReadoutLayer) -> tuple[Field, ...]:
    rescale = layer.rescale
    fields = [neuron_field("multiplier", rescale.multiplier), neuron_field("bias", rescale.bias)]
    if _powers_of_two(layer):
        exponents = [int(m).bit_length() - 1 for m in rescale.multiplier]
        fields[0] = neuron_field("exponent", np.array(exponents, np.int64))
    part = filter_of(layer)
    if part is not None:
        fields.append(neuron_field("decay", part.decay))
    if isinstance(layer, SpikingLayer) and layer.synapse is not None:
        fields.append(neuron_field("offset", layer.synapse.offset))
    return tuple(fields)


def _powers_of_two(layer: SpikingLayer | ReadoutLayer) -> bool:
    """Whether the rescale is a shift, which needs no multiplier."""
    return all(m > 0 and m & (m - 1) == 0 for m in layer.rescale.multiplier.tolist())


def _comment(layer: SpikingLayer | ReadoutLayer) -> list[str]:
    site = layer.rescale.site
    accumulator = layer.dense.accumulator
    lines = [
        f"q = (accumulator * multiplier + bias) >> {layer.rescale.shift}",
        f"accumulator {accumulator}, q {site.format} {site.rounding} {site.overflow}",
    ]
    part = filter_of(layer)
    if part is not None:
        lines += [
            f"filter' = filter - (filter * decay >> {part.shift}) + q",
            f"filter {part.site.format} {part.site.rounding} {part.site.overflow}",
        ]
    if isinstance(layer, SpikingLayer) and layer.synapse is not None:
        drive = layer.synapse.drive
        lines.append(f"drive = filter' + offset, {drive.format} {drive.rounding} {drive.overflow}")
    return lines


def _rescale(
    pipe: Pipeline, layer: SpikingLayer | ReadoutLayer, accumulator: Value, named: dict[str, Value]
) -> Value:
    """`q` at stage 5."""
    rescale = layer.rescale
    pipe.title(2, "a register after the memory, then the products")
    value = pipe.at(accumulator, 2)
    if "exponent" in named:
        exponent = pipe.at(named["exponent"], 2)
        most = int(rescale.multiplier.max())
        ends = Interval(min(value.interval.lo * most, 0), max(value.interval.hi * most, 0))
        shifted = f"{extend(value, ends.bits)} <<< {_unsigned(exponent)}"
        product = pipe.wire("scaled", 2, ends, shifted, "a power of two: no multiplier")
    else:
        product = multiply(pipe, "scaled", value, pipe.at(named["multiplier"], 2))
    pipe.title(3, "bias")
    biased = add(pipe, "biased", ("+", pipe.at(product, 3)), ("+", pipe.at(named["bias"], 3)))
    pipe.title(4, "rounding")
    moved = rounded(pipe, "scaled_down", pipe.at(biased, 4), rescale.shift, rescale.site.rounding)
    pipe.title(5, "the rescaled accumulator, in its format")
    return overflowed(pipe, "q", pipe.at(moved, 5), rescale.site)


def _unsigned(value: Value) -> str:
    """A shift distance: the value without its sign bit."""
    return f"$unsigned({value.name})"


def _filter_memory(e: Emitter, fmt: Format, neurons: int) -> Value:
    """The states of a filter: read at stage 0, written at the stage that knows the new ones."""
    stored = Value("filter", Interval(fmt.lo, fmt.hi), 1)
    address = clog2(neurons)
    e(f"// The filter's states, {fmt}.")
    e(f"logic signed [{stored.width - 1}:0] filters [0:{max(neurons, 2) - 1}];")
    e(f"{declaration(stored)};")
    e("always_ff @(posedge clk) filter <= filters[index];")
    e()
    clearing(e, neurons)
    e("logic filter_known;")
    e(f"assign filter_known = in_flight[{_FILTERED - 1}];")
    counter(e, "filter_index", "filter_known", neurons)
    e(f"logic signed [{stored.width - 1}:0] filter_written;")
    e(f"logic [{address - 1}:0] filter_address;")
    e(f"assign filter_address = clearing ? cleared[{address - 1}:0] : filter_index;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (clearing || filter_known) filters[filter_address] <= filter_written;")
    e()
    return stored


def _filter(pipe: Pipeline, part: Filter, stored: Value, q: Value, named: dict[str, Value]) -> Value:
    """The new state at stage 7."""
    product = multiply(pipe, "leak_product", pipe.at(stored, 2), pipe.at(named["decay"], 2))
    leak = rounded(pipe, "leak", pipe.at(product, 5), part.shift, part.site.rounding)
    pipe.title(6, "leak and input")
    y = pipe.at(stored, 6)
    moved = add(pipe, "moved", ("+", y), ("-", pipe.at(leak, 6)), ("+", pipe.at(q, 6)))
    pipe.title(_FILTERED, "the new state of the filter, in its format")
    return overflowed(pipe, "filter_next", pipe.at(moved, _FILTERED), part.site)


def _synapse(pipe: Pipeline, part: Filter, drive: Quantizer, state: Value, named: dict[str, Value]) -> Value:
    """The drive at stage 9."""
    pipe.title(8, "offset and rounding to the drive")
    shifted = add(pipe, "shifted", ("+", pipe.at(state, 8)), ("+", pipe.at(named["offset"], 8)))
    dropped = part.site.format.frac - drive.format.frac
    moved = rounded(pipe, "drive_rounded", shifted, dropped, drive.rounding)
    pipe.title(9, "the drive, in its format")
    return overflowed(pipe, "drive_value", pipe.at(moved, 9), drive)
