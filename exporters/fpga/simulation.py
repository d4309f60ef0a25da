"""Clocks of a sample, counted by Verilator, with every signal beside the emulator's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from expifref.exceptions import ParameterError
from exporters.systemverilog.simulator import SystemVerilogExecutor
from exporters.systemverilog.throughput import Throughput
from exporters.verification import differing_bits
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Spikes

__all__ = ["Simulated", "simulate"]


@dataclass(frozen=True)
class Simulated:
    """What a simulation gave."""

    samples: int
    steps: int
    clocks_per_sample: float  # of all samples but the first, which come one behind the other
    active_inputs_per_step: float
    compared_values: int
    differing_bits: int


def simulate(program: Program, profile: Mapping[str, Any], speed: Throughput, spikes: Spikes) -> Simulated:
    """Run `spikes`, `[steps, samples, inputs]`, on the design of `speed` for the device of `profile`.

    The clocks of a sample are those of a run with all samples less those of a run with the first alone, so
    that loading weights is not in them.

    Raises:
        ParameterError: there are not two samples.
        MissingToolError: Verilator is not there.
        ToolError: it refuses the design.
    """
    steps, samples = spikes.shape[:2]
    if samples < 2:
        raise ParameterError(
            f"clocks are the difference of runs with one sample and with more, but there is {samples}: "
            "give two at least"
        )
    graph = program.graph
    executor = SystemVerilogExecutor(graph, label_of(program), "verilator", *speed.build(graph, profile))
    executor.run(spikes[:, :1])
    of_one = executor.clocks
    found = executor.run(spikes).signals
    expected = GraphEmulator(graph).run(spikes).signals
    return Simulated(
        samples=samples,
        steps=steps,
        clocks_per_sample=round((executor.clocks - of_one) / (samples - 1), 1),
        active_inputs_per_step=round(float(np.count_nonzero(spikes) / (steps * samples)), 1),
        compared_values=sum(values.size for values in expected.values()),
        differing_bits=sum(differing_bits(values, found[name]) for name, values in expected.items()),
    )
