"""One LSB flipped anywhere in a program makes it another program."""

from dataclasses import replace
from typing import Any

from quantize.arrays import Integers, frozen
from quantize.program import Program
from quantize.program_io import digest
from tests.networks import lowered, network


def flips(program: Program) -> list[Program]:
    """`program` with one LSB flipped, once for each weight, threshold and table entry."""
    found: list[Program] = []
    for index, layer in enumerate(program.layers):

        def put(index: int = index, **changes: Any) -> None:
            layers = list(program.layers)
            layers[index] = replace(layers[index], **changes)
            found.append(replace(program, layers=tuple(layers)))

        for values in flipped(layer.dense.weight):
            put(dense=replace(layer.dense, weight=values))
        neuron: Any = getattr(layer, "neuron", None)
        if neuron is None:
            continue
        for values in flipped(neuron.threshold):
            put(neuron=replace(neuron, threshold=values))
        for values in flipped(neuron.growth.values):
            put(neuron=replace(neuron, growth=replace(neuron.growth, values=values)))
        for values in flipped(neuron.gain[0].values):
            put(neuron=replace(neuron, gain=(replace(neuron.gain[0], values=values),)))
    return found


def flipped(values: Integers) -> list[Integers]:
    results = []
    for index in range(values.size):
        changed = values.copy()
        changed.flat[index] ^= 1
        results.append(frozen(changed))
    return results


def test_one_flipped_bit_changes_the_digest() -> None:
    program = lowered(network((4, 3, 2)), "generic-8bit")
    changed = flips(program)
    assert len(changed) > 80
    digests = {digest(other) for other in changed}
    assert len(digests) == len(changed)
    assert digest(program) not in digests
