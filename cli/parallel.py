"""Samples shared among processes and ranks, in ranges of whole batches: the result depends on no number."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import starmap
from typing import TypeVar, cast

from .ranks import ALONE, Group
from .samples import BATCH

__all__ = ["leave_interrupts_to_the_parent", "map_ranges"]

Result = TypeVar("Result")

_BATCHES_PER_RANGE = 4


def map_ranges(
    worker: Callable[[int, int], Result], total: int, processes: int, group: Group = ALONE
) -> Iterator[Result]:
    """What `worker` gives for samples `start` to `stop` - 1 of each range up to `total`, in their order.

    With more than one process `worker` is sent to others, which are fresh: it must be a function of a module
    or a `functools.partial` of one, and may raise any error of `expifref.exceptions`. The ranks of `group`
    take turns in the ranges, and every rank is given all results, which must be picklable then.
    """
    size = BATCH * _BATCHES_PER_RANGE
    ranges = [(start, min(start + size, total)) for start in range(0, total, size)]
    own = _map_here(worker, ranges[group.rank :: group.ranks], processes)
    for first in range(0, len(ranges), group.ranks):
        turn = ranges[first : first + group.ranks]
        found = group.exchange(f"sample {turn[0][0]} of {total}", next(own, None))
        yield from cast("list[Result]", found[: len(turn)])


def _map_here(
    worker: Callable[[int, int], Result], ranges: list[tuple[int, int]], processes: int
) -> Iterator[Result]:
    if processes <= 1 or not ranges:
        yield from starmap(worker, ranges)
        return
    # Fresh ones, since a fork of a process with threads (those of XLA) may never wake up.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(processes, len(ranges)), leave_interrupts_to_the_parent) as pool:
        yield from pool.imap(partial(_call, worker), ranges)


def _call(worker: Callable[[int, int], Result], samples: tuple[int, int]) -> Result:
    return worker(*samples)


def leave_interrupts_to_the_parent() -> None:
    """Called in a process of a pool: Ctrl-C reaches all of a terminal, and the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
