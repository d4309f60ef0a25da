"""A hybrid network with no cause on and with all of them: the float network, and the emulator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from expifref.network.description import Description
from expifref.network.simulate import simulate
from quantize.fidelity.causes import ALL_CAUSES
from quantize.fidelity.hybrid import Hybrid
from quantize.graph.layers import full_name
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Spikes

__all__ = ["assert_emulator_end", "assert_float_end"]


def assert_emulator_end(description: Description, program: Program, spikes: Spikes) -> None:
    """Every signal of every layer, at every step."""
    hybrid = list(Hybrid(description, program, ALL_CAUSES).simulate(spikes))
    found = Emulator(program).run(spikes).signals
    for index, layer in enumerate(program.graph.layers):
        for signal in layer.signals:
            name = full_name(layer.name, signal)
            values = np.stack([step[index].results[signal] for step in hybrid])
            np.testing.assert_array_equal(values, found[name], name)


def assert_float_end(
    description: Description, program: Program, spikes: Spikes, spiking: Sequence[int]
) -> None:
    """The spikes of the layers `spiking`, by their places, at every step."""
    hybrid = Hybrid(description, program, frozenset()).simulate(spikes)
    for steps, real in zip(hybrid, simulate(description, spikes), strict=True):
        for index in spiking:
            np.testing.assert_array_equal(steps[index].output, real[index].output)
