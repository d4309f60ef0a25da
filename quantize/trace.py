"""What an executor of a program takes and returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import Integers

__all__ = ["Execution", "Executor", "Spikes", "State"]

Spikes = NDArray[np.uint8]
State = Mapping[str, Integers]
"""State name -> `[batch, neurons]` (spec 6)."""


@dataclass(frozen=True)
class Execution:
    """The signals that were asked for and the state after the last step."""

    signals: dict[str, Integers]  # each [steps, batch, neurons]
    state: dict[str, Integers]  # each [batch, neurons]


class Executor(Protocol):
    """Anything that runs a program."""

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, uint8 `[steps, batch, inputs]`, from `state` (None: the initial state).

        `signals` names what to keep (None: every signal of the program).
        """
        ...
