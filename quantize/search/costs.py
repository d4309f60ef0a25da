"""What the multiplies of one time step cost: the sum of the products of the widths of their factors."""

from __future__ import annotations

from quantize.program import Filter, Layer, Program, Rescale, SpikingLayer

__all__ = ["multiply_cost"]


def multiply_cost(program: Program) -> int:
    """Bits x bits of both factors, summed over every multiply of one time step (docs/spec.md 5).

    An array multiplier of `m` by `n` bits has `m n` partial products, so the number is proportional to its
    area, or to the time of a serial one. Nothing is counted where no multiplier is needed: spikes that
    select weights, multipliers that are all powers of two, filters without memory.
    """
    total, input_bits = 0, program.input.bits
    for layer in program.layers:
        total += _dense(layer, input_bits) + layer.width * (_rescale(layer) + _filter(layer.filter))
        if isinstance(layer, SpikingLayer):
            total += layer.width * _neuron(layer)
        input_bits = 1
    return total


def _dense(layer: Layer, input_bits: int) -> int:
    if input_bits == 1:
        return 0
    return int(layer.dense.weight.size) * input_bits * layer.dense.weight_format.bits


def _rescale(layer: Layer) -> int:
    rescale: Rescale = layer.rescale
    if all(m & (m - 1) == 0 for m in rescale.multiplier.tolist()):
        return 0
    return layer.dense.accumulator.bits * int(rescale.multiplier.max()).bit_length()


def _filter(filtered: Filter | None) -> int:
    if filtered is None or bool((filtered.decay == 1 << filtered.shift).all()):
        return 0
    return filtered.site.format.bits * int(filtered.decay.max()).bit_length()


def _neuron(layer: SpikingLayer) -> int:
    """Gain times sum, and in both tables the difference of two entries times the place between them."""
    n = layer.neuron
    gain, growth = n.gain[0].format.bits, n.growth.format.bits
    return gain * n.sum.format.bits + (gain + growth) * n.domain.shift
