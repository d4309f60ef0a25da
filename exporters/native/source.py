"""A program as C for this machine: `layer.h` once for each layer, with the layer's numbers as macros.

Unlike the C99 target, whose text a person reads and a microcontroller runs, this text holds no weights: they
are handed over in memory, so that it compiles in a second, for GCC or Clang, into vector instructions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.blocks import row_blocks
from expifref.exceptions import UnsupportedError
from exporters.emitter import Emitter
from quantize.arrays import Codes, Integers, holding, narrowest
from quantize.emulator import lookup
from quantize.formats import Overflow, Quantizer, Rounding
from quantize.program import Filter, Layer, NeuronUpdate, Program, SpikingLayer, layer_prefix
from quantize.ranges import prove

__all__ = ["CONSTANTS", "NativeLayer", "drive_type", "native_layers", "native_source"]

CONSTANTS = (
    "weight",
    "multiplier",
    "bias",
    "decay",
    "offset",
    "threshold",
    "reset",
    "refractory_steps",
    "first_entry",
    "table",
)
"""The pointers of `struct constants` in `layer.h`, in order."""

_WORD_BITS = 31
"""Widest proven value for which 32-bit words are taken: sums of two such values fit, too."""


@dataclass(frozen=True)
class NativeLayer:
    """The numbers of one layer as the machine gets them."""

    prefix: str
    macros: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]  # name of `CONSTANTS` -> contiguous array

    @property
    def columns(self) -> int:
        """Neurons, rounded up to whole vectors."""
        return int(self.arrays["weight"].shape[1])


def native_layers(program: Program) -> tuple[NativeLayer, ...]:
    """Every layer of `program`.

    Raises:
        UnsupportedError: a table value has more than 31 bits.
        ParameterError, RangeError: see `quantize.ranges.prove`.
    """
    bits = {site.site: site.interval.bits for site in prove(program).sites}
    his = [program.input.hi] + [1] * (len(program.layers) - 1)
    return tuple(
        _layer(layer_prefix(index, layer), layer, hi, _words(bits, layer_prefix(index, layer), layer))
        for index, (layer, hi) in enumerate(zip(program.layers, his, strict=True))
    )


def native_source(program: Program, layers: tuple[NativeLayer, ...]) -> str:
    """The C text: it depends on widths, formats and modes, not on weights and tables."""
    text = Emitter()
    text('#include "network.h"')
    for native in layers:
        text()
        for name, value in native.macros.items():
            text(f"#define {name} {value}".rstrip())
        text('#include "layer.h"')
        for name in native.macros:
            text(f"#undef {name.partition('(')[0]}")
    _run(text, program, layers)
    _drive(text, program, layers)
    return str(text)


@dataclass(frozen=True)
class _Words:
    """The types that the products and everything else of a layer are computed in."""

    product: np.dtype[Any]
    loss: np.dtype[Any]
    push: np.dtype[Any]
    rest: np.dtype[Any]


def _words(bits: Mapping[str, int], prefix: str, layer: Layer) -> _Words:
    """From the proven width of each site before overflow, and from what a negative value may wrap to."""
    own = {site: width for site, width in bits.items() if site.partition(".")[0] == prefix}
    groups: dict[str, list[int]] = {"product": [0], "leak": [0], "gain_product": [0], "rest": [0]}
    for site, width in own.items():
        kind = site.rpartition(".")[2]
        groups[kind if kind in groups else "rest"].append(width)
    groups["rest"] += [
        site.format.bits + 1
        for site in _sites(layer)
        if site.overflow is Overflow.WRAP and not site.format.signed
    ]
    types = [np.dtype(np.int32 if max(group) <= _WORD_BITS else np.int64) for group in groups.values()]
    return _Words(*types)


def _sites(layer: Layer) -> list[Quantizer]:
    sites = [layer.rescale.site] + ([] if layer.filter is None else [layer.filter.site])
    if isinstance(layer, SpikingLayer):
        sites += [layer.neuron.sum, layer.neuron.membrane]
        sites += [] if layer.synapse is None else [layer.synapse.drive]
    return sites


def _layer(prefix: str, layer: Layer, hi: int, words: _Words) -> NativeLayer:
    dense = layer.dense
    inputs, neurons = dense.weight.shape
    columns = -(-neurons // 16) * 16
    weight_type = narrowest(dense.weight)
    lane, group = _lane(inputs, max(-dense.extremes[0], dense.extremes[1]) * hi)
    arrays: dict[str, NDArray[Any]] = {"weight": _padded(dense.weight, columns, weight_type)}
    macros = {
        "LAYER(name)": f"{prefix}_##name",
        "INPUTS": str(inputs),
        "NEURONS": str(neurons),
        "COLUMNS": str(columns),
        "INPUT_IS_SPIKES": str(int(hi == 1)),
        "WEIGHT": _ctype(weight_type),
        "LANE": _ctype(lane),
        "WIDEN(x)": _widened(weight_type, lane),
        "SUM": _ctype(words.rest),
        "GROUP": f"{group}U",
        "PRODUCT": _ctype(words.product),
        "LOSS": _ctype(words.loss),
        "PUSH": _ctype(words.push),
        "WORD": _ctype(words.rest),
    }
    _vector(macros, arrays, words.product, "multiplier", layer.rescale.multiplier)
    _vector(macros, arrays, words.product, "bias", layer.rescale.bias)
    site = layer.rescale.site
    macros["RESCALE(x)"] = _rounded("(x)", layer.rescale.shift, site.rounding, words.product)
    macros["RESCALED(x)"] = _overflowed("(x)", site, words.rest)
    if layer.filter is not None:
        _filter(macros, arrays, words, layer.filter)
    if isinstance(layer, SpikingLayer):
        macros["SPIKING"] = ""
        if layer.synapse is not None:
            dropped = layer.synapse.filter.site.format.frac - layer.synapse.drive.format.frac
            _vector(macros, arrays, words.rest, "offset", layer.synapse.offset)
            site = layer.synapse.drive
            rounded = _rounded("(x)", dropped, site.rounding, words.rest)
            macros["DRIVE(x)"] = _overflowed(rounded, site, words.rest)
        _neuron(macros, arrays, words, layer.neuron)
    return NativeLayer(prefix, macros, arrays)


def _padded(weight: Codes, columns: int, kind: np.dtype[Any]) -> Codes:
    """`weight` of `columns` columns; itself where it is so already, since there may be no room for two."""
    if weight.shape[1] == columns and weight.dtype == kind and weight.flags.c_contiguous:
        return weight
    padded = np.zeros((len(weight), columns), kind)
    for rows, block in row_blocks(weight):
        padded[rows, : weight.shape[1]] = block
    return padded


def _lane(inputs: int, largest: int) -> tuple[np.dtype[Any], int]:
    """The narrowest type that adds a useful number of events of at most `largest`, and how many."""
    largest = max(largest, 1)
    for name in ("i2", "i4"):
        group = int(np.iinfo(name).max) // largest
        # A short group would spend its time in moving sums: at hi = 1 the weights of 8 bits give 258.
        if group >= min(inputs, 64):
            return np.dtype(name), min(group, 1 << 20)
    return np.dtype("i8"), 1 << 20


def _widened(weight: np.dtype[Any], lane: np.dtype[Any]) -> str:
    if (weight.itemsize, lane.itemsize) == (1, 2):
        return "WIDEN_8_TO_16(x)"
    return "__builtin_convertvector(x, LAYER(lanes))"


def _filter(macros: dict[str, str], arrays: dict[str, NDArray[Any]], words: _Words, part: Filter) -> None:
    _vector(macros, arrays, words.loss, "decay", part.decay)
    macros["LEAK(x)"] = _rounded("(x)", part.shift, part.site.rounding, words.loss)
    macros["FILTER(x)"] = _overflowed("(x)", part.site, words.rest)


def _neuron(macros: dict[str, str], arrays: dict[str, NDArray[Any]], words: _Words, n: NeuronUpdate) -> None:
    domain = n.domain
    codes = np.arange(domain.start, domain.stop, dtype=np.int64)
    growth = lookup(n.growth.values, domain, n.growth, codes)
    gains = [lookup(table.values, domain, table, codes) for table in n.gain]
    largest = max(int(values.max()) for values in (growth, *gains))
    if largest >> 31:
        raise UnsupportedError(
            f"native code needs table values below 2**31, not {largest}: lower with fewer bits"
        )
    half = 32 if largest >> 15 else 16
    entry = np.dtype(f"i{half // 4}")
    arrays["table"] = np.concatenate([(growth << half) | gain for gain in gains]).astype(entry)
    for name in ("threshold", "reset", "refractory_steps"):
        _vector(macros, arrays, words.rest, name, getattr(n, name))
    _vector(macros, arrays, words.rest, "first_entry", n.gain_index * len(codes))
    macros |= {
        "ENTRY": _ctype(entry),
        "GROWTH_OF(x)": f"((WORD)((x) >> {half}))",
        "GAIN_OF(x)": f"((PUSH)((x) & {(1 << half) - 1}LL))",
        "TABLE_START": f"({domain.start})",
        "TABLE_LAST": f"({domain.stop - 1})",
        "GROWTH_SHIFT": str(n.membrane.format.frac - n.growth.format.frac),
        "TOTAL(x)": _overflowed("(x)", n.sum, words.rest),
        "MOVE(x)": _rounded("(x)", n.gain[0].format.frac, n.membrane.rounding, words.push),
        "MEMBRANE(x)": _overflowed("(x)", n.membrane, words.rest),
    }


def _vector(
    macros: dict[str, str], arrays: dict[str, NDArray[Any]], word: np.dtype[Any], name: str, values: Integers
) -> None:
    """A constant where all neurons share it, else an array."""
    if (values == values[0]).all():
        macros[f"{name.upper()}(j)"] = f"(({_ctype(word)}){int(values[0])}LL)"
        return
    arrays[name] = np.ascontiguousarray(values.astype(word))
    macros[f"{name.upper()}(j)"] = f"c->{name}[j]"


def _rounded(x: str, shift: int, rounding: Rounding, word: np.dtype[Any]) -> str:
    if shift <= 0:
        # A left shift of a negative number is undefined; the compilers make one of this product.
        return f"({x} * (({_ctype(word)}){1 << -shift}LL))" if shift else x
    return f"{rounding.value}({x}, {shift}, (({_ctype(word)})1))"


def _overflowed(x: str, site: Quantizer, word: np.dtype[Any]) -> str:
    fmt, info = site.format, np.iinfo(word)
    if fmt.lo <= info.min and info.max <= fmt.hi:
        return x  # the proof says that no value leaves the word
    if site.overflow is Overflow.SAT:
        return f"SAT({x}, ((WORD){max(fmt.lo, info.min)}LL), ((WORD){min(fmt.hi, info.max)}LL))"
    low = f"({x} & ((WORD){(1 << fmt.bits) - 1}LL))"
    if not fmt.signed:
        return low
    # Adding and taking away the sign's weight extends the sign.
    sign = f"((WORD){1 << (fmt.bits - 1)}LL)"
    return f"(({low} ^ {sign}) - {sign})"


def drive_type(layer: SpikingLayer) -> np.dtype[Any]:
    """The narrowest type of the drives that `expifref_drive` reads."""
    fmt = layer.drive.format
    return holding(fmt.lo, fmt.hi)


def _ctype(dtype: np.dtype[Any]) -> str:
    return f"int{8 * dtype.itemsize}_t"


# The functions that Python calls --------------------------------------------------------------------------


def _run(text: Emitter, program: Program, layers: tuple[NativeLayer, ...]) -> None:
    """`expifref_run`: samples first to last - 1, each through all steps."""
    text()
    text("struct network {")
    with text.indent():
        for native in layers:
            text(f"struct {native.prefix}_state {native.prefix};")
    text("};")
    text()
    text("int expifref_run(int64_t steps, int64_t batch, int64_t first, int64_t last, const uint8_t *inputs,")
    text("    const void *const *constants, int64_t *const *states, int64_t *const *signals,")
    text("    int64_t *const *sums)")
    text("{")
    with text.indent():
        _bind_constants(text, layers)
        text("struct network *const n = malloc(sizeof *n);")
        text("if (n == NULL) {")
        text("    return 1;")
        text("}")
        text("for (int64_t b = first; b < last; ++b) {")
        with text.indent():
            text("memset(n, 0, sizeof *n);")
            for slot, (array, width) in enumerate(_states(program)):
                text(f"LOAD(n->{array}, states[{slot}] + b * {width}, {width})")
            text("for (int64_t t = 0; t < steps; ++t) {")
            with text.indent():
                text("const int64_t row = t * batch + b;")
                _one_step(text, program, layers)
            text("}")
            for slot, (array, width) in enumerate(_states(program)):
                text(f"KEEP(states[{slot}] + b * {width}, n->{array}, {width})")
        text("}")
        text("free(n);")
        text("return 0;")
    text("}")


def _one_step(text: Emitter, program: Program, layers: tuple[NativeLayer, ...]) -> None:
    inputs = f"inputs + row * {program.input.channels}"
    slot = 0
    for index, (layer, native) in enumerate(zip(program.layers, layers, strict=True)):
        prefix = native.prefix
        text(f"{prefix}_accumulate(&n->{prefix}, &{prefix}, {inputs});")
        text(f"{prefix}_drives(&n->{prefix}, &{prefix});")
        if isinstance(layer, SpikingLayer):
            text(f"{prefix}_neurons(&n->{prefix}, &{prefix});")
            inputs = f"n->{prefix}.spikes"
        for array in _signal_arrays(index, layer):
            text(f"SHOW(signals[{slot}], row * {layer.width}, n->{array}, {layer.width})")
            slot += 1
        # `array` is now the layer's output: its spikes, or the value of a readout.
        text(f"ADD(sums[{index}], b * {layer.width}, n->{array}, {layer.width})")


def _drive(text: Emitter, program: Program, layers: tuple[NativeLayer, ...]) -> None:
    """`expifref_drive`: the neurons of the first layer alone, on drives that are given."""
    layer, native = program.layers[0], layers[0]
    if not isinstance(layer, SpikingLayer):
        return
    word, given = native.macros["WORD"], _ctype(drive_type(layer))
    text()
    text("/* Neurons first to last - 1 through all steps; counts their spikes. */")
    text(f"void expifref_drive(int64_t steps, int64_t first, int64_t last, const {given} *drive,")
    text(f"    const void *const *constants, {word} *membrane, {word} *refractory, int64_t *counts)")
    text("{")
    with text.indent():
        _bind_constants(text, layers[:1])
        text("for (int64_t t = 0; t < steps; ++t) {")
        with text.indent():
            text("for (int64_t j = first; j < last; j += BLOCK) {")
            text("    const int64_t end = (last - j < BLOCK) ? last : j + BLOCK;")
            text(f"    {word} now[BLOCK];")
            text("    uint8_t spikes[BLOCK];")
            text("    for (int64_t i = j; i < end; ++i) {")
            text(f"        now[i - j] = drive[t * {layer.width} + i];")
            text("    }")
            text(
                f"    {native.prefix}_update(membrane, refractory, spikes, now, &{native.prefix},"
                " (ptrdiff_t)j, (ptrdiff_t)end);"
            )
            text("    for (int64_t i = j; i < end; ++i) {")
            text("        counts[i] += spikes[i - j];")
            text("    }")
            text("}")
        text("}")
    text("}")


def _bind_constants(text: Emitter, layers: tuple[NativeLayer, ...]) -> None:
    for index, native in enumerate(layers):
        slots = CONSTANTS if "SPIKING" in native.macros else CONSTANTS[:5]
        pointers = ", ".join(f"constants[{index * len(CONSTANTS) + slot}]" for slot in range(len(slots)))
        text(f"const struct {native.prefix}_constants {native.prefix} = {{{pointers}}};")


def _states(program: Program) -> Iterator[tuple[str, int]]:
    for name in program.state_names:
        for index, layer in enumerate(program.layers):
            prefix = layer_prefix(index, layer)
            if name.partition(".")[0] == prefix:
                yield f"{prefix}.{name.partition('.')[2] or 'filter'}", layer.width


def _signal_arrays(index: int, layer: Layer) -> Iterator[str]:
    prefix = layer_prefix(index, layer)
    if not isinstance(layer, SpikingLayer):
        yield from (f"{prefix}.accumulator", f"{prefix}.filter")
        return
    yield f"{prefix}.accumulator"
    if layer.synapse is not None:
        yield f"{prefix}.filter"
    for kind in ("drive", "membrane", "refractory", "spikes"):
        yield f"{prefix}.{kind}"
