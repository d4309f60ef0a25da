"""Vectors of constants in JSON: a list of numbers, the largest of them as texts (docs/spec.md, 7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from expifref.files.texts import Kind
from quantize.numbers.arrays import ArrayCodec, Matrices, frozen

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema, core_schema

__all__ = ["DIGITS", "LARGEST_NUMBER", "Vector"]

LARGEST_NUMBER = (1 << 53) - 1
"""Of the integers that every reader of JSON takes for the same number (RFC 8785 section 3.2.2.3)."""

DIGITS = Kind("a large integer", "be 16 to 19 decimal digits", r"^-?[1-9][0-9]{15,18}$(?!\n)")


class _VectorCodec(ArrayCodec):
    @classmethod
    def decoded(cls, value: object, _matrices: Matrices | None) -> NDArray[Any]:
        if isinstance(value, np.ndarray):
            return value
        if not isinstance(value, list) or not value:
            raise ValueError("a vector must be a list of at least one integer")
        numbers = [_number(item) for item in value]
        if any(not -(1 << 63) <= number < 1 << 63 for number in numbers):
            raise ValueError("a vector must hold integers that fit 64 bits")
        return frozen(numbers)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def read(value: object, info: core_schema.ValidationInfo[Any]) -> NDArray[Any]:
            return cls.decoded(value, info.context)

        return core_schema.with_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(_written)
        )

    @classmethod
    def forms(cls) -> list[dict[str, Any]]:
        integer = {"type": "integer", "minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
        return [{"type": "array", "items": {"anyOf": [integer, DIGITS.schema]}, "minItems": 1}]


def _number(item: object) -> int:
    if isinstance(item, str) and re.search(DIGITS.pattern, item) and abs(int(item)) > LARGEST_NUMBER:
        return int(item)
    if type(item) is int and abs(item) <= LARGEST_NUMBER:
        return item
    raise ValueError(
        f"a vector must hold integers, as texts of their digits where, and only where, they lie beyond "
        f"{LARGEST_NUMBER}"
    )


def _written(array: NDArray[Any]) -> list[int | str]:
    return [value if abs(value) <= LARGEST_NUMBER else str(value) for value in array.tolist()]


Vector = Annotated[NDArray[np.int64], _VectorCodec]
