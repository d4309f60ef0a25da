"""What the layers of a network see: the values of their sources, each unit as old as its delay says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Delayed", "Sources"]

Floats = NDArray[np.float64]


class Delayed(Protocol):
    """A feed, of a description or of a program."""

    @property
    def source(self) -> str: ...

    @property
    def delay(self) -> NDArray[np.int64]: ...

    @property
    def longest(self) -> int: ...


class Sources:
    """The values of all sources in this step and in the steps before, `[batch, units]` each, 0 at first."""

    def __init__(self, units: Mapping[str, int], histories: Mapping[str, int], batch: int) -> None:
        """Of sources with so many units, which are read so many steps back."""
        self._now: dict[str, Floats] = {}
        self._before: Mapping[str, list[Floats]] = {
            source: [np.zeros((batch, units[source]))] * steps for source, steps in histories.items()
        }
        """By source, the youngest first."""

    def give(self, source: str, values: Floats) -> None:
        """Say what `source` has in this step."""
        self._now[source] = values

    def seen(self, feed: Delayed) -> Floats:
        """What `feed` sees in this step, `[batch, source units]`."""
        if not feed.longest:
            return self._now[feed.source]
        ages = np.unique(feed.delay).tolist()
        aged = [self._before[feed.source][age - 1] if age else self._now[feed.source] for age in ages]
        if len(ages) == 1:
            return aged[0]
        values: Floats = np.select([feed.delay == age for age in ages], aged)
        return values

    def next_step(self) -> None:
        """Everything is one step older."""
        for source, values in self._before.items():
            values.insert(0, self._now[source])
            values.pop()
