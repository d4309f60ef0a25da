"""Numbers of things: whole and at least 1, where they are given and not where a file is written."""

from __future__ import annotations

from operator import index
from typing import Any

from .exceptions import ParameterError

__all__ = ["count_of"]


def count_of(name: str, value: Any) -> int:
    """`value` as an int, also where it is an integer of NumPy; ParameterError for anything but 1 or more."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterError(f"`{name}` must be a whole number, not {value!r}")
    if index(value) < 1:
        raise ParameterError(f"`{name}` must be at least 1, not {value}")
    return index(value)
