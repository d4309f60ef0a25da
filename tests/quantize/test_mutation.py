"""One LSB flipped anywhere in a program makes it another program."""

from dataclasses import replace

from quantize.numbers.arrays import Integers, frozen
from quantize.program.file import digest
from quantize.program.program import Program
from tests.edits import with_constants, with_dense, with_tables
from tests.networks import lowered, network


def flips(program: Program) -> list[Program]:
    """`program` with one LSB flipped, once for each weight, constant and table entry."""
    found: list[Program] = []
    for layer in program.graph.layers:
        name = layer.name
        for values in flipped(layer.feeds[0].connection.weight):
            found.append(with_dense(program, name, weight=values))
        for constant, vector in layer.constants.items():
            found += [with_constants(program, name, **{constant: values}) for values in flipped(vector)]
        for key, table in layer.tables.items():
            for values in flipped(table.values):
                found.append(with_tables(program, name, **{key: replace(table, values=values)}))
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
