"""Samples shared among processes and ranks, in ranges of whole batches: the result depends on no number."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from functools import partial
from itertools import chain, islice, starmap
from typing import TypeVar

from expifref.exceptions import DataError
from expifref.scratch import scratch_folder

from .child_process import obey_the_parent
from .ranks import Form, Group, list_of
from .samples import BATCH

__all__ = ["map_ranges", "share_ranges"]

Result = TypeVar("Result")

_BATCHES_PER_RANGE = 4


def map_ranges(
    worker: Callable[[int, int], Result], total: int, processes: int
) -> Generator[Result, None, None]:
    """What `worker` gives for samples `start` to `stop` - 1 of each range up to `total`, in their order.

    With more than one process `worker` is sent to others, which are fresh: it must be a function of a module
    or a `functools.partial` of one, and may raise any error of `expifref.exceptions`. Who does not take all
    results must close the generator, which ends the processes.
    """
    return _map_here(worker, _ranges(total), processes)


def share_ranges(
    worker: Callable[[int, int], Result], total: int, processes: int, group: Group, form: Form[Result]
) -> Generator[Result, None, None]:
    """`map_ranges` whose ranges the ranks of `group` take in turns; every rank is given all results.

    Args:
        form: that of a result.

    Raises:
        ExpifrefError: what `worker` raises, here or in another rank; see `Group.exchange`.
        DataError: a rank gave another number of results than it has ranges.
    """
    ranges, results = _ranges(total), list_of(form)
    own = _map_here(worker, ranges[group.rank :: group.ranks], processes)
    try:
        for first in range(0, len(ranges), group.ranks):
            turn = ranges[first : first + group.ranks]
            found = group.exchange(f"sample {turn[0][0]} of {total}", [*islice(own, 1)], results)
            wanted = [1] * len(turn) + [0] * (group.ranks - len(turn))
            if [len(part) for part in found] != wanted:
                raise DataError("every rank must give a result for each of its ranges, but one does not")
            yield from chain.from_iterable(found)
    finally:
        own.close()


def _ranges(total: int) -> list[tuple[int, int]]:
    size = BATCH * _BATCHES_PER_RANGE
    return [(start, min(start + size, total)) for start in range(0, total, size)]


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
        scratch_folder() as folder,
        context.Pool(min(processes, len(ranges)), _begin, (str(folder),)) as pool,
    ):
        yield from pool.imap(partial(_call, worker), ranges)


def _begin(folder: str) -> None:
    obey_the_parent(last=partial(shutil.rmtree, folder, ignore_errors=True))
    os.environ["TMPDIR"] = tempfile.tempdir = folder


def _call(worker: Callable[[int, int], Result], samples: tuple[int, int]) -> Result:
    return worker(*samples)
