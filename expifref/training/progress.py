"""How training tells what it does: plain reports, and a progress bar for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from expifref.files.texts import visible

__all__ = ["SILENT", "EpochReport", "ProgressBar", "Reporter", "SilentReporter"]


@dataclass(frozen=True)
class EpochReport:
    """Means over one epoch."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    epoch: int  # from 1
    loss: float
    accuracy: float  # on the training samples, while they were trained on; of real targets R2
    firing_rate: float  # Hz, over all hidden neurons
    validation_accuracy: float | None  # on held-out training samples; None when none are held out

    def __str__(self) -> str:
        held_out = "" if self.validation_accuracy is None else f"  held out {self.validation_accuracy:.2%}"
        return f"loss {self.loss:.4f}  accuracy {self.accuracy:.2%}{held_out}  {self.firing_rate:.0f} Hz"


@runtime_checkable
class Reporter(Protocol):
    """What training calls."""

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Training begins: `done` of `epochs` are already there, each has `batches` minibatches."""

    def batch(self) -> None:
        """One minibatch is done."""

    def epoch(self, report: EpochReport) -> None:
        """One epoch is done and, where a path was given, stored."""

    def message(self, text: str) -> None:
        """Something the user should know."""


class SilentReporter:
    """Says nothing."""

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Ignored."""

    def batch(self) -> None:
        """Ignored."""

    def epoch(self, report: EpochReport) -> None:
        """Ignored."""

    def message(self, text: str) -> None:
        """Ignored."""


SILENT = SilentReporter()


class ProgressBar:
    """A bar over all minibatches with the last epoch's loss, accuracy and firing rate; a context manager.

    Where the console is no terminal only messages are printed.
    """

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[status]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._epochs = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._progress.disable:  # an older rich ends even then with an empty line
            self._progress.stop()

    def start(self, epochs: int, done: int, batches: int) -> None:
        """Show the bar."""
        self._epochs = epochs
        self._task = self._progress.add_task(
            "", total=epochs * batches, completed=done * batches, epoch=f"{done}/{epochs}", status=""
        )

    def batch(self) -> None:
        """Move the bar."""
        if self._task is not None:
            self._progress.advance(self._task)

    def epoch(self, report: EpochReport) -> None:
        """Show the epoch's numbers."""
        if self._task is not None:
            self._progress.update(self._task, epoch=f"{report.epoch}/{self._epochs}", status=str(report))

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(Text(visible(text)))
