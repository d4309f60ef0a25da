"""One layer of a program as ONNX nodes (docs/spec.md section 5).

Signals leave in the type of their format; between them everything is int64.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantize.arrays import Codes
from quantize.formats import Quantizer
from quantize.program import Dense, Filter, NeuronUpdate, ReadoutLayer, Rescale, SpikingLayer, Synapse

from .onnx_graph import INT64, GraphBuilder, Port
from .onnx_primitives import rounding_name, site_name, unit

__all__ = ["add_layer"]

_BYTE = 256
_INT8, _INT16, _INT32 = (np.iinfo(kind) for kind in (np.int8, np.int16, np.int32))


def add_layer(
    builder: GraphBuilder,
    prefix: str,
    layer: SpikingLayer | ReadoutLayer,
    source: str,
    hi: int,
    state: Mapping[str, str],
    signals: Mapping[str, Port],
) -> str:
    """Add a layer fed by the uint8 tensor `source`, whose values are at most `hi`.

    `state` names the tensors that hold the layer's states before the step, `signals` the tensors that the
    layer writes. Returns the tensor that feeds the next layer.
    """
    accumulator = _dense(builder, prefix, layer.dense, source, hi)
    _emit(builder, accumulator, signals[f"{prefix}.accumulator"])
    q = _rescale(builder, prefix, layer.rescale, accumulator)
    if isinstance(layer, ReadoutLayer):
        output = _filter(builder, prefix, layer.filter, state[prefix], q)
        return _emit(builder, output, signals[prefix])
    drive = q
    if layer.synapse is not None:
        name = f"{prefix}.filter"
        filtered = _filter(builder, name, layer.synapse.filter, state[name], q)
        _emit(builder, filtered, signals[name])
        drive = _drive(builder, prefix, layer.synapse, filtered)
    _emit(builder, drive, signals[f"{prefix}.drive"])
    return _neuron(builder, prefix, layer.neuron, drive, state, signals)


def _emit(builder: GraphBuilder, source: str, port: Port) -> str:
    return builder.cast(source, port.tensor, port.kind)


def _vector(builder: GraphBuilder, name: str, values: Codes) -> str:
    return builder.constant(name, values.astype(np.int64))


def _ends(site: Quantizer) -> dict[str, int]:
    return {"lo": site.format.lo, "hi": site.format.hi}


def _dense(builder: GraphBuilder, prefix: str, dense: Dense, source: str, hi: int) -> str:
    """Spec 5.1, in the fastest form that is exact on every CPU (docs/onnx.md, "Products")."""
    weight, name, output = dense.weight, f"{prefix}.weight", f"{prefix}.accumulator.wide"
    lo, top = dense.extremes
    bytes_fit = weight.shape[0] * hi * (_BYTE - 1) <= _INT32.max
    if bytes_fit and _INT8.min <= lo and top <= _INT8.max:
        product = _byte_product(builder, name, weight, source, hi)
        return builder.cast(product, output, INT64)
    if bytes_fit and _INT16.min <= lo and top <= _INT16.max:
        high = _byte_product(builder, f"{name}.high", weight >> 8, source, hi)
        low_weight = builder.constant(f"{name}.low", (weight & (_BYTE - 1)).astype(np.uint8))
        low = builder.node("MatMulInteger", [source, low_weight], f"{name}.low.product")
        byte = _vector(builder, f"{name}.byte", np.array(_BYTE))
        wide_high = builder.cast(high, f"{name}.high.wide", INT64)
        wide_low = builder.cast(low, f"{name}.low.wide", INT64)
        shifted = builder.node("Mul", [wide_high, byte], f"{name}.high.shifted")
        return builder.node("Add", [shifted, wide_low], output)
    wide_source = builder.cast(source, f"{prefix}.source.wide", INT64)
    return builder.node("MatMul", [wide_source, _vector(builder, name, weight)], output)


def _byte_product(builder: GraphBuilder, name: str, weight: Codes, source: str, hi: int) -> str:
    """`source @ weight` for weights of one signed byte."""
    output = f"{name}.product"
    signed = weight.astype(np.int8, copy=False)
    if hi == 1:
        return builder.node("MatMulInteger", [source, builder.constant(name, signed)], output)
    # uint8 x int8 saturates pairs on some CPUs when the inputs are graded; uint8 x uint8 does not.
    center = -_INT8.min
    # Flipping the top bit of a byte adds the centre.
    shifted = builder.constant(name, signed.view(np.uint8) ^ np.uint8(center))
    zero = builder.constant(f"{name}.source_zero", np.array(0, np.uint8))
    weight_zero = builder.constant(f"{name}.zero", np.array(center, np.uint8))
    return builder.node("MatMulInteger", [source, shifted, zero, weight_zero], output)


def _rescale(builder: GraphBuilder, prefix: str, rescale: Rescale, accumulator: str) -> str:
    name = f"{prefix}.rescale"
    inputs = [
        accumulator,
        _vector(builder, f"{prefix}.multiplier", rescale.multiplier),
        _vector(builder, f"{prefix}.bias", rescale.bias),
    ]
    function = f"Rescale_{site_name(rescale.shift, rescale.site)}"
    return builder.call(function, inputs, name, unit=unit(rescale.shift, name), **_ends(rescale.site))


def _filter(builder: GraphBuilder, name: str, part: Filter, state: str, q: str) -> str:
    wide = builder.cast(state, f"{name}.before", INT64)
    inputs = [wide, _vector(builder, f"{name}.decay", part.decay), q]
    function = f"Filter_{site_name(part.shift, part.site)}"
    return builder.call(function, inputs, f"{name}.after", unit=unit(part.shift, name), **_ends(part.site))


def _drive(builder: GraphBuilder, prefix: str, synapse: Synapse, filtered: str) -> str:
    name = f"{prefix}.drive"
    offset = _vector(builder, f"{prefix}.offset", synapse.offset)
    shifted = builder.node("Add", [filtered, offset], f"{prefix}.filter.offset")
    shift = synapse.filter.site.format.frac - synapse.drive.format.frac
    function = f"Requantize_{site_name(shift, synapse.drive)}"
    return builder.call(function, [shifted], f"{name}.wide", unit=unit(shift, name), **_ends(synapse.drive))


def _neuron(
    builder: GraphBuilder,
    prefix: str,
    neuron: NeuronUpdate,
    drive: str,
    state: Mapping[str, str],
    signals: Mapping[str, Port],
) -> str:
    before = builder.cast(state[f"{prefix}.membrane"], f"{prefix}.membrane.before", INT64)
    waiting = builder.cast(state[f"{prefix}.refractory"], f"{prefix}.refractory.before", INT64)
    threshold = _vector(builder, f"{prefix}.threshold", neuron.threshold)
    reset = _vector(builder, f"{prefix}.reset", neuron.reset)
    steps = _vector(builder, f"{prefix}.refractory_steps", neuron.refractory_steps)
    v = builder.call("ExpIFReset", [before, threshold, reset], f"{prefix}.v")
    growth, gain = _tables(builder, prefix, neuron, v)
    align = neuron.membrane.format.frac - neuron.growth.format.frac
    gain_frac = neuron.gain[0].format.frac
    membrane, spikes, refractory = (
        signals[f"{prefix}.{name}"] for name in ("membrane", "spikes", "refractory")
    )
    after = [f"{prefix}.membrane.after", spikes.tensor, f"{prefix}.refractory.after"]
    function = f"ExpIFUpdate_{rounding_name(gain_frac, neuron.membrane.rounding)}"
    builder.calls(
        f"{function}_{neuron.sum.overflow.value}_{neuron.membrane.overflow.value}",
        [v, waiting, growth, gain, drive, threshold, steps],
        after,
        growth_unit=unit(align, f"{prefix}.growth"),
        sum_lo=neuron.sum.format.lo,
        sum_hi=neuron.sum.format.hi,
        gain_unit=unit(gain_frac, f"{prefix}.gain"),
        membrane_lo=neuron.membrane.format.lo,
        membrane_hi=neuron.membrane.format.hi,
    )
    _emit(builder, after[0], membrane)
    _emit(builder, after[2], refractory)
    return spikes.tensor


def _tables(builder: GraphBuilder, prefix: str, neuron: NeuronUpdate, v: str) -> tuple[str, str]:
    """Growth and gain at the codes `v` (spec 5.4)."""
    domain = neuron.domain
    step = unit(domain.shift, f"{prefix}.domain")
    index, rest = f"{prefix}.index", f"{prefix}.rest"
    builder.calls("TableIndex", [v], [index, rest], start=domain.start, last=domain.stop - 1, unit=step)
    growth_values = _vector(builder, f"{prefix}.growth.values", neuron.growth.values)
    growth = builder.call(
        f"TableLookup_{rounding_name(domain.shift, neuron.growth.rounding)}",
        [growth_values, index, rest],
        f"{prefix}.growth",
        unit=step,
    )
    # All gain tables lie behind one another in one tensor; each neuron adds the place of its own.
    gain_values = _vector(
        builder, f"{prefix}.gain.values", np.concatenate([table.values for table in neuron.gain])
    )
    if len(neuron.gain) > 1:
        base = _vector(builder, f"{prefix}.gain.base", neuron.gain_index * (domain.segments + 1))
        index = builder.node("Add", [index, base], f"{prefix}.gain.index")
    modes = [rounding_name(domain.shift, table.rounding) for table in neuron.gain]
    gain = ""
    for mode in dict.fromkeys(modes):
        function, name = f"TableLookup_{mode}", f"{prefix}.gain.{mode}"
        looked_up = builder.call(function, [gain_values, index, rest], name, unit=step)
        if not gain:
            gain = looked_up
            continue
        uses = np.array([modes[table] == mode for table in neuron.gain_index.tolist()])
        chosen = builder.constant(f"{name}.uses", uses)
        gain = builder.node("Where", [chosen, looked_up, gain], f"{name}.or_before")
    return growth, gain
