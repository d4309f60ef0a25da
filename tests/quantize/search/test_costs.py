"""Multiplies, counted by hand for a small program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.arrays import frozen
from quantize.program import ReadoutLayer, SpikingLayer
from quantize.search import multiply_cost
from tests.networks import lowered, network


def test_every_multiply_is_counted() -> None:
    program = lowered(network((12, 10, 3)))
    hidden, readout = program.layers
    assert isinstance(hidden, SpikingLayer)
    assert isinstance(readout, ReadoutLayer)
    assert program.input.bits == 1
    n, synapse = hidden.neuron, hidden.synapse
    assert synapse is not None
    expected = 0
    for layer, width in ((hidden, 10), (readout, 3)):
        expected += width * layer.dense.accumulator.bits * int(layer.rescale.multiplier.max()).bit_length()
    expected += 10 * synapse.filter.site.format.bits * int(synapse.filter.decay.max()).bit_length()
    expected += 3 * readout.filter.site.format.bits * int(readout.filter.decay.max()).bit_length()
    expected += 10 * (n.gain[0].format.bits * n.sum.format.bits)
    expected += 10 * n.domain.shift * (n.gain[0].format.bits + n.growth.format.bits)
    assert multiply_cost(program) == expected


def test_direct_current_multiplies_weights() -> None:
    spikes = lowered(network((12, 10, 3), encoder="rate"))
    wide = replace(spikes, input=replace(spikes.input, bits=8))
    assert multiply_cost(wide) - multiply_cost(spikes) == 12 * 10 * 8 * 8


def test_shifts_and_filters_without_memory_are_free() -> None:
    program = lowered(network((12, 10, 3), tau_readout=None))
    readout = program.layers[1]
    assert isinstance(readout, ReadoutLayer)
    assert (readout.filter.decay == 1 << readout.filter.shift).all()
    powers = frozen(np.array([1, 2, 4]))
    shifted = replace(readout, rescale=replace(readout.rescale, multiplier=powers))
    bits = int(readout.rescale.multiplier.max()).bit_length()
    without = multiply_cost(replace(program, layers=(program.layers[0], shifted)))
    assert multiply_cost(program) - without == 3 * readout.dense.accumulator.bits * bits
