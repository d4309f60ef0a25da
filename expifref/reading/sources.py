"""What a value between the leaves can come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

__all__ = ["OUTPUT", "Forbidden", "Origin", "Source", "shape_of"]

OUTPUT = "output of the network"
"""What the output of the network is called among what the leaves are given."""


@dataclass(frozen=True, order=True)
class Source:
    """The output of a leaf, or the input of the network, `age` steps ago."""

    owner: str  # the path of a leaf, or `input`
    age: int


@dataclass(frozen=True)
class Forbidden:
    """Something that no description holds."""

    reason: str  # completes "its input ..."


Origin = Source | Forbidden


def shape_of(shape: tuple[int, ...], dtype: Any = float) -> jax.ShapeDtypeStruct:
    """The shape and type of a value that is not there yet."""
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]  # JAX gives it no types
