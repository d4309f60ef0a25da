"""Samples on their way through networks, with what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.network.decision import Decision

from .trace import Spikes

__all__ = ["Batch", "Batches", "as_batch", "classes_of"]


@dataclass(frozen=True)
class Batch:
    """Some samples."""

    spikes: Spikes  # [steps, batch, inputs]
    labels: NDArray[Any] | None = None  # [batch], or as `expifref.data.Samples` has them
    decision: Decision = field(default_factory=Decision)

    def of(self, rows: slice) -> Batch:
        """Some of these."""
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, spikes=self.spikes[:, rows], labels=labels, decision=self.decision.of(rows))


Batches = Iterable[Batch | tuple[Spikes, NDArray[Any] | None]]
"""A pair is spikes and labels, of which all steps count and are summed."""


def as_batch(batch: Batch | tuple[Spikes, NDArray[Any] | None]) -> Batch:
    """`batch`, also where it is a pair."""
    return batch if isinstance(batch, Batch) else Batch(*batch)


def classes_of(labels: NDArray[Any] | None) -> NDArray[np.integer[Any]] | None:
    """`labels` where each is the class of a whole sample; None for those of steps, real targets, or none."""
    return labels if labels is not None and labels.ndim == 1 and labels.dtype.kind in "iu" else None
