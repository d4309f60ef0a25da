"""The words that a proof allows: int32 wherever a value and all that is formed on the way to it fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import AtLeast, Operation
from quantize.graph.proof import Proven
from quantize.numbers.intervals import Interval

__all__ = ["Word", "hull", "result_words", "word_of"]

_WORD = 32


class Word(NamedTuple):
    """The dtypes of one result."""

    formed: Any  # of the operation
    result: Any  # of what is kept of it


def word_of(interval: Interval) -> Any:
    """int32 where it holds `interval`, else int64."""
    return np.int32 if interval.bits <= _WORD else np.int64


def hull(intervals: Iterable[Interval]) -> Interval:
    """The narrowest interval around all `intervals`."""
    ends = tuple(intervals)
    return Interval(min(one.lo for one in ends), max(one.hi for one in ends))


def result_words(layer: UnitLayer, proven: Mapping[str, Proven]) -> dict[str, Word]:
    """The words of every result of `layer`."""
    return {operation.name: _words(operation, proven) for operation in layer.body}


def _words(operation: Operation, proven: Mapping[str, Proven]) -> Word:
    own = proven[operation.name]
    # Operands are brought into the word of the operation before it.
    around = [own.interval, own.formed, *(proven[name].interval for name in operation.of)]
    # A comparison stays a mask, which a choice takes as it is.
    result = np.bool_ if isinstance(operation, AtLeast) else word_of(own.interval)
    return Word(word_of(hull(around)), result)
