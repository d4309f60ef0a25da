"""Results as tensors: of which integer type each is, and how it becomes one of another type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from quantize.numbers.arrays import Integers
from quantize.numbers.intervals import Interval

from .builder import INT32, INT64, UINT8, GraphBuilder

__all__ = ["BOOL", "Value", "as_kind", "constant", "expanded", "stored", "word"]

BOOL = int(TensorProto.BOOL)

_INT32 = np.iinfo(np.int32)
_UINT8 = np.iinfo(np.uint8)


@dataclass(frozen=True)
class Value:
    """A tensor of the graph."""

    tensor: str
    kind: int  # element type


def word(*intervals: Interval) -> int:
    """The type in which values of all `intervals` are computed: int32 where they fit, else int64."""
    fit = all(_INT32.min <= lo and hi <= _INT32.max for lo, hi in intervals)
    return INT32 if fit else INT64


def stored(interval: Interval) -> int:
    """The type in which values of `interval` are handed on: uint8 where they fit, else as `word` says."""
    return UINT8 if interval.lo >= 0 and interval.hi <= _UINT8.max else word(interval)


def as_kind(builder: GraphBuilder, value: Value, kind: int) -> str:
    """`value` as a tensor of the type `kind`, converted once however often it is asked for."""
    if value.kind == kind:
        return value.tensor
    output = f"{value.tensor}/{TensorProto.DataType.Name(kind).lower()}"
    return output if output in builder.names else builder.cast(value.tensor, output, kind)


def constant(builder: GraphBuilder, name: str, values: Integers, kind: int) -> str:
    """The integers `values` as a constant of the type int32 or int64, added once."""
    if name in builder.names:
        return name
    return builder.constant(name, values.astype(np.int32 if kind == INT32 else np.int64))


def expanded(builder: GraphBuilder, source: str, output: str, sizes: Sequence[str | int]) -> str:
    """`source` broadcast to `sizes`, each a number or a tensor that holds one; added once."""
    if output in builder.names:
        return output
    parts = [
        size if isinstance(size, str) else constant(builder, f"{output}/size{index}", np.array([size]), INT64)
        for index, size in enumerate(sizes)
    ]
    shape = builder.node("Concat", parts, f"{output}/shape", axis=0)
    return builder.node("Expand", [source, shape], output)
