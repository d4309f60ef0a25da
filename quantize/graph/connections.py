"""What makes accumulators out of the values that a feed sees (docs/spec.md, "Feeds").

Every connection has a `matrix`, by which an executor runs it that knows of no others than dense ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from expifref.connections.windows import Window
from quantize.numbers.arrays import CodeArray, Codes, Integers, codes, column_sums, extremes
from quantize.numbers.formats import Format

from .operations import CLOSED

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["Connection", "Convolution", "Dense", "WrittenConnection"]


class _Sums:
    """What follows from the sums of a connection's columns."""

    @property
    def column_sums(self) -> tuple[list[int], list[int]]:
        """What each sum can reach below and above 0 with inputs 0 and 1."""
        raise NotImplementedError  # every kind says its own

    @cached_property
    def largest_sum(self) -> int:
        """The largest sum of magnitudes in a column."""
        return max(high - low for low, high in zip(*self.column_sums, strict=True))


@dataclass(frozen=True, eq=False)
class Dense(_Sums):
    """`accumulator[j] = sum_i weight[i, j] * x[i]`, exact."""

    __pydantic_config__: ClassVar = CLOSED

    weight: CodeArray  # [source units, units], of the narrowest type, mapped where it is large
    weight_format: Format
    accumulator: Format  # proven wide enough
    connection: Literal["dense"] = "dense"

    @property
    def sources(self) -> int:
        """Number of source units."""
        return int(self.weight.shape[0])

    @property
    def units(self) -> int:
        """Number of sums."""
        return int(self.weight.shape[1])

    @property
    def block(self) -> int:
        """Units behind each other that a source unit meets together, with weights behind each other."""
        return self.units

    @property
    def matrix(self) -> Codes:
        """What each source unit adds to each unit, `[source units, units]`."""
        return self.weight

    @property
    def fan_in(self) -> int:
        """Most source units that a unit has a weight from."""
        return self.sources

    @property
    def fan_out(self) -> Integers:
        """How many units each source unit has a weight to, `[source units]`."""
        return np.full(self.sources, self.units)

    @cached_property
    def column_sums(self) -> tuple[list[int], list[int]]:
        return column_sums(self.weight)

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """The least and the largest weight."""
        return extremes(self.weight)


@dataclass(frozen=True, eq=False)
class Convolution(_Sums):
    """The same with the matrix that a kernel makes as it goes over a plane: `weight` is the kernel."""

    __pydantic_config__: ClassVar = CLOSED

    weight: CodeArray  # [rows, channels out], see `expifref.connections.windows`
    weight_format: Format
    accumulator: Format  # proven wide enough
    window: Window
    connection: Literal["convolution"] = "convolution"

    @property
    def sources(self) -> int:
        """Number of source units."""
        return self.window.sources

    @property
    def units(self) -> int:
        """Number of sums."""
        return self.window.units

    @property
    def block(self) -> int:
        """The same: the channels of a group at a position."""
        return self.window.outputs // self.window.groups

    @cached_property
    def matrix(self) -> Codes:
        """What each source unit adds to each unit, `[source units, units]`."""
        return codes(self.window.expand(self.weight))

    @property
    def fan_in(self) -> int:
        """Most source units that a unit has a weight from."""
        return self.window.rows

    @property
    def fan_out(self) -> Integers:
        """How many units each source unit has a weight to, `[source units]`."""
        return self.window.fan_out

    @cached_property
    def column_sums(self) -> tuple[list[int], list[int]]:
        # Few sets of rows come up: those inside the plane, and those at its edges.
        sets, which = np.unique(self.window.seen, axis=0, return_inverse=True)
        sums = [column_sums(self.weight[rows]) for rows in sets]
        order = which.reshape(-1).tolist()
        below, above = ([value for one in order for value in sums[one][side]] for side in (0, 1))
        return below, above

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """The least and the largest weight."""
        return extremes(self.weight)


Connection = Dense | Convolution


class _ByConnection:
    """Of an object in a file, its `connection` says which one it is; without one it is dense."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        kinds = {kind.connection: handler.generate_schema(kind) for kind in (Dense, Convolution)}
        return core_schema.tagged_union_schema(kinds, _connection_of)


def _connection_of(value: object) -> object:
    if isinstance(value, dict):
        return value.get("connection", "dense")
    return getattr(value, "connection", None)


WrittenConnection = Annotated[Connection, _ByConnection]
"""A connection as files hold it."""
