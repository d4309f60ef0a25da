"""What the leaves are given in the step that is traced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import saiunit as u
from jax import Array

from expifref.exceptions import ParameterError, UnsupportedError

from .leaves import Leaf
from .sources import Source

__all__ = ["Recorder", "amount"]


class Recorder:
    """What has happened in the step so far."""

    def __init__(self, given: Mapping[Source, Array]) -> None:
        self.given = given
        self.sinks: dict[str, Array] = {}
        self.added: dict[str, Array] = {}  # what is added to membranes themselves, in mV
        self.updated: list[str] = []
        self.membranes: dict[int, Source] = {}  # the spikes of what stands for a membrane, by its identity

    def take(self, leaf: Leaf, value: Array) -> None:
        """Note the input of `leaf`, which makes its step now."""
        if leaf.path in self.updated:
            raise UnsupportedError(
                f"`{leaf.path}` must be updated once in a step, but the network updates it twice: use a "
                "module for each"
            )
        self.sinks[leaf.path] = value.reshape(-1)
        self.updated.append(leaf.path)

    def output(self, path: str, age: int = 0) -> Array:
        """The output of a leaf `age` of its own steps ago."""
        return self.given[Source(path, age + (path not in self.updated))]


def amount(value: Any, unit: u.Unit | None, path: str, noun: str) -> Array:
    """`value` as a number in `unit`, in which plain numbers count."""
    if not isinstance(value, u.Quantity):
        return jnp.asarray(value, float)
    if unit is None or value.dim != unit.dim:
        raise ParameterError(f"`{path}` must be given {noun}, not a quantity in {u.get_unit(value)}")
    return jnp.asarray(value.to_decimal(unit), float)
