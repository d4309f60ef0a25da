"""One layer in C: dense, rescale and filter (docs/spec.md 5.1 to 5.3), and the loop over its neurons."""

from __future__ import annotations

from quantize.program import Filter, ReadoutLayer, Rescale, SpikingLayer, Synapse

from .dense import write_dense
from .expressions import Value, cast, each, interval_of, modes, overflowing_word, requantized, shifting_word
from .neuron import write_neuron
from .text import comment
from .unit import Unit
from .widths import (
    ZERO,
    FilterWidths,
    LayerWidths,
    Sites,
    SynapseWidths,
    filter_widths,
    layer_widths,
    neuron_widths,
    synapse_widths,
)
from .words import computing, notation, range_of, storing, widest

__all__ = ["write_layer"]


def write_layer(unit: Unit, prefix: str, layer: SpikingLayer | ReadoutLayer, sites: Sites, hi: int) -> None:
    """Add `layer` to `unit`: its constants, its states, and `<prefix>_step(inputs)`.

    Args:
        prefix: first part of its names.
        sites: what is proven about the program.
        hi: largest input value.
    """
    inputs, neurons = layer.dense.weight.shape
    unit.text()
    unit.text(comment(f"---- {prefix}: {inputs} inputs, {neurons} {_what(layer)} ----"))
    unit.text()
    widths = layer_widths(prefix, sites)
    write_dense(unit, prefix, layer.dense, widths.accumulator, hi)
    q = _rescale(unit, prefix, layer.rescale, widths)
    calls = [f"{prefix}_accumulate(inputs);"]
    first = f"const {q.word.type} q = {prefix}_rescale(j);"
    if isinstance(layer, ReadoutLayer):
        _filter(unit, prefix, f"{prefix}_state", layer.filter, filter_widths(prefix, layer.filter, sites), q)
        calls.append(_loop(unit, f"{prefix}_update", neurons, [first, f"(void){prefix}_filter_step(j, q);"]))
    else:
        drive, statements = _drives(unit, prefix, layer, sites, q)
        calls.append(_loop(unit, f"{prefix}_drives", neurons, [first, *statements]))
        neuron = neuron_widths(prefix, layer.neuron, drive.interval, sites)
        write_neuron(unit, prefix, layer.neuron, neuron, drive.word)
        calls.append(_loop(unit, f"{prefix}_update", neurons, [f"{prefix}_neuron(j, {prefix}_drive[j]);"]))
    with unit.function(
        f"static void {prefix}_step(const uint8_t inputs[{inputs}])", "One time step of the layer."
    ) as text:
        for call in calls:
            text(call)


def _loop(unit: Unit, name: str, neurons: int, statements: list[str]) -> str:
    """Adds function `name`, which does `statements` for every neuron `j`; the statement that calls it."""
    with (
        unit.function(f"static void {name}(void)", "For every neuron.") as text,
        unit.block(each(neurons)),
    ):
        for statement in statements:
            text(statement)
    return f"{name}();"


def _what(layer: SpikingLayer | ReadoutLayer) -> str:
    return "neurons" if isinstance(layer, SpikingLayer) else "classes"


def _rescale(unit: Unit, prefix: str, rescale: Rescale, widths: LayerWidths) -> Value:
    unit.text()
    multiplier = unit.parameter(f"{prefix}_multiplier", rescale.multiplier, "of the accumulator")
    bias = unit.parameter(f"{prefix}_bias", rescale.bias, "at the scale of the product")
    word = shifting_word(
        f"{prefix}.product",
        rescale.shift,
        widths.product,
        interval_of(rescale.multiplier),
        interval_of(rescale.bias),
    )
    interval = widths.rescaled.overflowed(rescale.site)
    result = Value(computing(f"{prefix}.rescale", interval), interval)
    note = f"Spec 5.2: the result is {notation(rescale.site.format)}, {modes(rescale.site)}."
    with unit.function(f"static inline {result.word.type} {prefix}_rescale(uint32_t j)", note) as text:
        text(f"const {word.type} product = (({word.type}){prefix}_accumulator[j] * {multiplier}) + {bias};")
        value = requantized(unit, "product", word, rescale.shift, widths.rescaled, rescale.site, result.word)
        text(f"return {value};")
    return result


def _filter(unit: Unit, prefix: str, state: str, part: Filter, widths: FilterWidths, q: Value) -> Value:
    """Adds `<prefix>_filter_step(j, q)`, which updates and returns the state."""
    site, states = part.site, range_of(part.site.format)
    stored = storing(state, states)
    unit.text()
    decay = unit.parameter(f"{prefix}_decay", part.decay, f"of 2^{part.shift}: what leaks in a step")
    unit.state(state, len(part.decay), stored.type, stored.bits, notation(site.format))
    product = shifting_word(f"{state}.leak", part.shift, widths.leak, interval_of(part.decay))
    word = widest(overflowing_word(state, site, widths.update), computing(state, q.interval))
    result = Value(computing(state, states), states)
    with unit.function(
        f"static inline {result.word.type} {prefix}_filter_step(uint32_t j, {q.word.type} q)",
        f"Spec 5.3: the state is {notation(site.format)}, {modes(site)}.",
    ) as text:
        leak = unit.shifted(f"({product.type}){state}[j] * {decay}", part.shift, site.rounding, product)
        text(f"const {word.type} leak = {cast(leak, product, word)};")
        text(f"const {word.type} updated = ({state}[j] - leak) + q;")
        value = unit.overflowed("updated", widths.update, site, word)
        text(f"const {result.word.type} kept = {cast(value, word, result.word)};")
        text(f"{state}[j] = {cast('kept', result.word, stored)};")
        text("return kept;")
    return result


def _drives(unit: Unit, prefix: str, layer: SpikingLayer, sites: Sites, q: Value) -> tuple[Value, list[str]]:
    """The drive of a neuron, and the statements that turn `q` into it."""
    drive, statements, expression = q, [], "q"
    if layer.synapse is not None:
        widths = synapse_widths(prefix, layer.synapse, sites)
        filtered = _filter(unit, prefix, f"{prefix}_filter", layer.synapse.filter, widths.filter, q)
        drive = _drive(unit, prefix, layer.synapse, widths, filtered)
        statements.append(f"const {filtered.word.type} filtered = {prefix}_filter_step(j, q);")
        expression = f"{prefix}_drive_of(j, filtered)"
    stored = storing(f"{prefix}.drive", drive.interval, ZERO)
    unit.text()
    unit.state(f"{prefix}_drive", layer.width, stored.type, stored.bits, notation(layer.drive.format))
    return drive, [*statements, f"{prefix}_drive[j] = {cast(expression, drive.word, stored)};"]


def _drive(unit: Unit, prefix: str, synapse: Synapse, widths: SynapseWidths, filtered: Value) -> Value:
    """Adds `<prefix>_drive_of(j, filtered)`."""
    site = synapse.drive
    shift = synapse.filter.site.format.frac - site.format.frac
    unit.text()
    offset = unit.parameter(f"{prefix}_offset", synapse.offset, "added to the filter, at its scale")
    word = shifting_word(
        f"{prefix}.offset", shift, widths.offset, filtered.interval, interval_of(synapse.offset)
    )
    interval = widths.shifted.overflowed(site)
    result = Value(computing(f"{prefix}.drive", interval), interval)
    with unit.function(
        f"static inline {result.word.type} {prefix}_drive_of(uint32_t j, {filtered.word.type} filtered)",
        f"Spec 5.3: the result is {notation(site.format)}, {modes(site)}.",
    ) as text:
        if not offset.endswith("[j]"):
            text("(void)j;")
        text(f"const {word.type} moved = ({word.type})filtered + {offset};")
        text(f"return {requantized(unit, 'moved', word, shift, widths.shifted, site, result.word)};")
    return result
