"""Samples shared among processes and ranks, in ranges of whole batches: the result depends on no number."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice
from typing import Any, TypeVar

from cli.children import obey_the_parent
from cli.ranks import ALONE, Group, form_of, list_of
from cli.samples import BATCH
from expifref.exceptions import DataError
from expifref.files.scratch import scratch_folder

__all__ = ["Crew", "sample_ranges"]

Piece = TypeVar("Piece")
Run = Callable[[range], Piece]

_BATCHES_PER_RANGE = 4


def sample_ranges(total: int) -> list[range]:
    """All samples up to `total`, a number of whole batches in each range."""
    size = BATCH * _BATCHES_PER_RANGE
    return [range(start, min(start + size, total)) for start in range(0, total, size)]


@dataclass(frozen=True)
class Crew:
    """Who runs the pieces of a job: this process or others that it starts, here and in other ranks."""

    processes: int = 1
    group: Group = ALONE

    @property
    def alone(self) -> bool:
        """Whether this process runs everything."""
        return self.processes == self.group.ranks == 1

    def map(
        self, run: Run[Piece], start: Callable[[], Run[Piece]], ranges: Sequence[range], kind: type[Piece]
    ) -> Generator[Piece, None, None]:
        """What `run` gives for each of `ranges`, in their order, which the ranks take in turns.

        Every rank is given all. Who does not take all must close the generator, which ends the processes.

        Args:
            run: may raise any error of `expifref.exceptions`.
            start: gives the same to another process: a function of a module, or a `functools.partial` of one.
            kind: the type of what `run` gives; it has a form where there are other ranks.

        Raises:
            ExpifrefError: what `run` raises, here or in another rank; see `Group.exchange`.
            DataError: a rank gave another number of results than it has ranges.
        """
        group = self.group
        own = self._map_here(run, start, ranges[group.rank :: group.ranks])
        try:
            if group.ranks == 1:
                yield from own
                return
            form, total = list_of(form_of(kind)), ranges[-1].stop if ranges else 0
            for first in range(0, len(ranges), group.ranks):
                turn = ranges[first : first + group.ranks]
                found = group.exchange(f"sample {turn[0].start} of {total}", [*islice(own, 1)], form)
                wanted = [1] * len(turn) + [0] * (group.ranks - len(turn))
                if [len(part) for part in found] != wanted:
                    raise DataError("every rank must give a result for each of its ranges, but one does not")
                yield from chain.from_iterable(found)
        finally:
            own.close()

    def _map_here(
        self, run: Run[Piece], start: Callable[[], Run[Piece]], ranges: Sequence[range]
    ) -> Generator[Piece, None, None]:
        if self.processes == 1 or not ranges:
            yield from map(run, ranges)
            return
        # Fresh ones, since a fork of a process with threads (those of XLA) may never wake up.
        context = multiprocessing.get_context("spawn")
        # What an earlier pool has left is in circles. Should Python find it while it writes down the locks of
        # a new one, it complains (gh-109629 of CPython).
        gc.collect()
        with (
            # They end by a signal, and remove nothing that they have made.
            scratch_folder() as folder,
            context.Pool(min(self.processes, len(ranges)), _begin, (str(folder), start)) as pool,
        ):
            yield from pool.imap(_run, ranges)


def _begin(folder: str, start: Callable[[], Run[Any]]) -> None:
    global _start
    obey_the_parent(last=partial(shutil.rmtree, folder, ignore_errors=True))
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    _start = start


# In a process of a pool; called for the first range, whose errors are told.
_start: Callable[[], Run[Any]]


def _run(part: range) -> Any:
    return _started()(part)


@cache
def _started() -> Run[Any]:
    return _start()
