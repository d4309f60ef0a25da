"""Samples shared among processes and ranks, in ranges of whole batches: the result depends on no number."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Generator
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
) -> Generator[Result, None, None]:
    """What `worker` gives for samples `start` to `stop` - 1 of each range up to `total`, in their order.

    With more than one process `worker` is sent to others, which are fresh: it must be a function of a module
    or a `functools.partial` of one, and may raise any error of `expifref.exceptions`. The ranks of `group`
    take turns in the ranges, and every rank is given all results, which must be picklable then. Who does not
    take all of them must close the generator, which ends the processes.
    """
    size = BATCH * _BATCHES_PER_RANGE
    ranges = [(start, min(start + size, total)) for start in range(0, total, size)]
    own = _map_here(worker, ranges[group.rank :: group.ranks], processes)
    try:
        for first in range(0, len(ranges), group.ranks):
            turn = ranges[first : first + group.ranks]
            found = group.exchange(f"sample {turn[0][0]} of {total}", next(own, None))
            yield from cast("list[Result]", found[: len(turn)])
    finally:
        own.close()


def _map_here(
    worker: Callable[[int, int], Result], ranges: list[tuple[int, int]], processes: int
) -> Generator[Result, None, None]:
    if processes <= 1 or not ranges:
        yield from starmap(worker, ranges)
        return
    # Fresh ones, since a fork of a process with threads (those of XLA) may never wake up.
    context = multiprocessing.get_context("spawn")
    with (
        # They end by a signal, and remove nothing that they have made.
        tempfile.TemporaryDirectory(prefix="expifref-", ignore_cleanup_errors=True) as folder,
        context.Pool(min(processes, len(ranges)), _begin, (folder,)) as pool,
    ):
        yield from pool.imap(partial(_call, worker), ranges)


def _begin(folder: str) -> None:
    leave_interrupts_to_the_parent()
    os.environ["TMPDIR"] = tempfile.tempdir = folder


def _call(worker: Callable[[int, int], Result], samples: tuple[int, int]) -> Result:
    return worker(*samples)


def leave_interrupts_to_the_parent() -> None:
    """Called in a process of a pool: Ctrl-C reaches all of a terminal, and the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
