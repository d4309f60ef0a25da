"""What an executor of a program takes and returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from expifref.encoders.encoder import Frames
from quantize.numbers.arrays import Integers

__all__ = ["Execution", "Executor", "Spikes", "State", "SummingExecutor", "Totals"]

Spikes = Frames
"""Inputs `[steps, batch, channels]`, of the type of the program's port."""

State = Mapping[str, Integers]
"""State name -> `[batch, neurons]` (spec 6)."""


@dataclass(frozen=True)
class Execution:
    """The signals that were asked for and the state after the last step."""

    signals: dict[str, Integers]  # each [steps, batch, neurons]
    state: dict[str, Integers]  # each [batch, neurons]


@dataclass(frozen=True)
class Totals:
    """What is left of a run when no trace is kept."""

    output: Integers  # sum over the steps of the last layer's output, [batch, neurons]
    spikes: dict[str, Integers]  # spikes of every spiking layer, summed over the steps, [batch, neurons]
    state: dict[str, Integers]  # after the last step, [batch, neurons]

    @property
    def predictions(self) -> Integers:
        """The class of each sample (spec 4)."""
        predicted: Integers = self.output.argmax(axis=-1)
        return predicted

    def then(self, later: Totals) -> Totals:
        """Of this run and of one that went on from its state."""
        spikes = {name: counts + later.spikes[name] for name, counts in self.spikes.items()}
        return Totals(self.output + later.output, spikes, later.state)


class Executor(Protocol):
    """Anything that runs a program."""

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`, from `state` (None: the initial state).

        `signals` names what to keep (None: every signal of the program).
        """
        ...


class SummingExecutor(Executor, Protocol):
    """An executor that can also run without keeping a trace: its memory does not grow with the steps."""

    def totals(self, spikes: Spikes, state: State | None = None) -> Totals:
        """Run `spikes`, `[steps, batch, inputs]`, from `state` (None: the initial state)."""
        ...
