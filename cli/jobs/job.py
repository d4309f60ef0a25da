"""What a command does with many samples: load, split, run, join; who runs the pieces changes no result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from cli.output import Bar, progress_bar

from .crew import Crew

__all__ = ["Facts", "Job"]

Loaded = TypeVar("Loaded")
Piece = TypeVar("Piece")
Result = TypeVar("Result")

Facts = dict[str, object]
"""What it is, as in a sentence, and which one it is here; the first that differs is told."""


class Job(ABC, Generic[Loaded, Piece, Result]):
    """Work that processes and ranks share, in words that another process can be told: a frozen dataclass.

    Of the methods `run` is called for one range at a time, wherever; all others by every rank.
    """

    name: ClassVar[str]
    """Of the command: ranks compare it, and a progress bar shows it."""

    unit: ClassVar[str] = "samples"
    """What the progress bar counts."""

    piece: ClassVar[Any]
    """The type of what `run` gives; `cli.ranks.form_of` says which of them ranks can tell each other."""

    @abstractmethod
    def load(self) -> Loaded:
        """Read what the words name; also called in each process that runs ranges, once."""

    def about(self, _loaded: Loaded, /) -> Facts:
        """What must be the same in all ranks: by default the words, paths included."""
        return {"the job": self}

    @abstractmethod
    def split(self, loaded: Loaded, /) -> Sequence[range]:
        """The ranges, which must depend on no number of processes or ranks; see `sample_ranges`."""

    @abstractmethod
    def run(self, loaded: Loaded, /, part: range, report: Bar) -> Piece:
        """What comes of one range.

        Args:
            report: told of what is done of it, as far as this process shows it.
        """

    @abstractmethod
    def join(self, loaded: Loaded, pieces: Iterable[Piece], /) -> Result:
        """What comes of all, from the pieces in the order of their ranges.

        Those of other ranks must be checked before they are used. The job ends where not all are taken.
        """

    def weight(self, _loaded: Loaded, /) -> int:
        """How much the progress bar counts for each number of a range."""
        return 1

    def result(self, loaded: Loaded, crew: Crew) -> Result:
        """What comes of the job; overridden where there is more to do around its pieces than `share` does."""
        return self.share(loaded, crew)

    def share(self, loaded: Loaded, crew: Crew) -> Result:
        """Split, run and join, with a progress bar."""
        ranges, weight = self.split(loaded), self.weight(loaded)
        with progress_bar(self.name, weight * sum(map(len, ranges)), self.unit) as bar:
            run = partial(self.run, loaded, report=bar if crew.alone else _silent)
            with closing(crew.map(run, partial(_start, self), ranges, self.piece)) as pieces:
                return self.join(loaded, pieces if crew.alone else _counted(pieces, ranges, weight, bar))


def _start(job: Job[Any, Piece, Any]) -> Callable[[range], Piece]:
    return partial(job.run, job.load(), report=_silent)


def _silent(advance: int, note: str = "") -> None:
    """The bar of a process that shows none."""


def _counted(pieces: Iterable[Piece], ranges: Sequence[range], weight: int, bar: Bar) -> Iterable[Piece]:
    for piece, part in zip(pieces, ranges, strict=False):
        yield piece
        bar(weight * len(part))
