"""Labelled samples: values that do not change, or values over time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError

__all__ = ["Samples"]


@dataclass(frozen=True)
class Samples:
    """Samples and their labels; a part of them keeps their numbers."""

    values: NDArray[Any]
    """In [0, 1], float32 `[samples, inputs]`, or over time `[samples, steps, channels]`: float32, or bool
    for spikes."""
    labels: NDArray[Any]
    """Classes from 0, int64 `[samples]` or per step `[samples, steps]`; or real targets in a unit of their
    own, float32 `[samples, outputs]` or `[samples, steps, outputs]`."""
    lengths: NDArray[np.int64] | None = None
    """`[samples]`: steps of each sample, behind which its values are 0; None where all have the same."""
    numbers: NDArray[np.int64] = field(default_factory=lambda: np.arange(0))
    """`[samples]`: of each in its data set, which a random encoder goes by; 0, 1, ... where not given."""

    def __post_init__(self) -> None:
        if not self.numbers.size:
            object.__setattr__(self, "numbers", np.arange(len(self.values)))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice | Sequence[int] | NDArray[np.int64]) -> Samples:
        lengths = None if self.lengths is None else self.lengths[rows]
        return replace(
            self,
            values=self.values[rows],
            labels=self.labels[rows],
            lengths=lengths,
            numbers=self.numbers[rows],
        )

    @property
    def channels(self) -> int:
        """Values of a sample, or of each of its steps."""
        return int(self.values.shape[-1])

    @property
    def steps(self) -> int | None:
        """Steps over which the values are given; None where they do not change."""
        return int(self.values.shape[1]) if self.values.ndim == 3 else None

    @property
    def real(self) -> bool:
        """Whether real numbers are wanted, not classes."""
        return self.labels.dtype.kind == "f"

    @property
    def per_step(self) -> bool:
        """Whether every step has a label or target of its own."""
        return self.labels.ndim == (3 if self.real else 2)

    @property
    def strata(self) -> NDArray[np.int64]:
        """`[samples]`: the class of each where it has one, else 0; what a split keeps the proportions of."""
        return self.labels if self.labels.ndim == 1 else np.zeros(len(self), np.int64)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all values, labels and lengths."""
        state = hashlib.sha256()
        for array in (self.values, self.labels, self.lengths):
            if array is not None:
                state.update(f"{array.dtype} {array.shape};".encode())
                state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()

    @property
    def inside(self) -> NDArray[np.bool_]:
        """`[samples, steps]`: whether a step is before the end of its sample."""
        steps = self.values.shape[1]
        lengths = np.full(len(self), steps) if self.lengths is None else self.lengths
        inside: NDArray[np.bool_] = np.arange(steps) < lengths[:, None]
        return inside

    def check_shapes(self) -> None:
        """Raise DataError where values, labels and lengths do not belong together."""
        if self.values.ndim not in (2, 3) or self.values.size == 0:
            raise DataError(
                "images must have the shape [samples, inputs], or [samples, steps, channels] over time, "
                f"with at least one of each, not {list(self.values.shape)}"
            )
        self._check_labels()
        if self.lengths is None:
            return
        if self.steps is None:
            raise DataError("lengths must be left out where images do not change over time")
        if self.lengths.shape != (len(self),):
            raise DataError(
                f"lengths must have the shape [{len(self)}], one per sample, not {list(self.lengths.shape)}"
            )
        if self.lengths.min() < 1 or self.lengths.max() > self.steps:
            raise DataError(
                f"lengths must be 1 to {self.steps} steps, not {self.lengths.min()}..{self.lengths.max()}"
            )

    def _check_labels(self) -> None:
        if self.per_step and self.steps is None:
            raise DataError("labels of every step need values over time, [samples, steps, channels]")
        wanted = [len(self)] if self.steps is None or not self.per_step else [len(self), self.steps]
        found = list(self.labels.shape[:-1] if self.real else self.labels.shape)
        if found != wanted:
            each = "step" if self.per_step else "image"
            raise DataError(f"labels must have the shape {wanted}, one per {each}, not {found}")

    def check(self, classes: int) -> None:
        """Raise DataError where shapes do not fit together, or a value or label is out of its range."""
        self.check_shapes()
        if not np.isfinite(self.values).all():
            raise DataError("images must be finite; they hold NaN or infinity")
        if self.values.min() < 0 or self.values.max() > 1:
            raise DataError(
                "images must lie in [0, 1] (or be uint8), "
                f"not {self.values.min():g}..{self.values.max():g}; scale them first"
            )
        if self.real:
            if not np.isfinite(self.labels).all():
                raise DataError("targets must be finite; they hold NaN or infinity")
        elif self.labels.min() < 0 or self.labels.max() >= classes:
            raise DataError(
                f"labels must lie in 0..{classes - 1}, not {self.labels.min()}..{self.labels.max()}"
            )
