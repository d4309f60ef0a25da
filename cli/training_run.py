"""What `expifref train` and `expifref run` ask of a training beside the network and the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expifref.training.settings import TrainingSettings

__all__ = ["TrainingRun"]


@dataclass(frozen=True)
class TrainingRun:
    """One training."""

    out: Path  # the model to write
    seed: int
    epochs: int | None = None  # None for as many as suit the data set
    resume: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # further settings, by their names

    def settings(self, suitable: TrainingSettings) -> TrainingSettings:
        """Those that suit the data set, with what was asked for."""
        return replace(suitable, epochs=self.epochs or suitable.epochs, seed=self.seed, **self.options)
