"""How a training is kept and what is told of it: nothing here changes what it arrives at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .progress import SILENT, Reporter

__all__ = ["ALONE", "Session"]


@dataclass(frozen=True)
class Session:
    """One run of a training."""

    path: Path | None = None  # of the model, written after every epoch, with the state for `resume` beside it
    resume: bool = False  # go on from that state; the result is that of a run that was never cut
    reporter: Reporter = SILENT  # is told of every minibatch and epoch


ALONE = Session()
"""Kept nowhere, told to nobody."""
