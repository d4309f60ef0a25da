"""What a case is. Only the standard library, because it also runs in the environments of other simulators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

__all__ = ["NotRunError", "Prepared", "required_version", "weighted"]

_WARM_UPS = 3  # brainstate compiles a second time on the second call


class NotRunError(Exception):
    """Why a case cannot run here."""


@dataclass
class Prepared:
    """A case that is ready to be timed."""

    run: Callable[[], object]
    found: Callable[[], dict[str, int]] = dict  # what the last run gave, to be compared between cases
    versions: dict[str, str] = field(default_factory=dict)
    warm_ups: int = _WARM_UPS
    elsewhere: Callable[[], float] = float  # CPU seconds so far of processes that outlive a run
    close: Callable[[], object] = dict  # ends what would outlive the case


def weighted(values: Any) -> int:
    """The sum of `values`, each times its place, so that it also depends on where they are."""
    flat = values.ravel().tolist()
    return sum(place * value for place, value in enumerate(flat, start=1))


def required_version(*names: str) -> dict[str, str]:
    """The installed version of each distribution in `names`."""
    return {name: version(name) for name in names}
