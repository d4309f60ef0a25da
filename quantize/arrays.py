"""Integer arrays as fields of frozen dataclasses, and their form in JSON.

A vector is a list of integers; a matrix is `{"shape", "dtype", "base64"}` with little-endian bytes of the
narrowest signed type that holds it.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from expifref.exceptions import RangeError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["IntArray", "Integers", "frozen", "narrowest"]

Integers = NDArray[np.int64]

_DTYPES = ("i1", "i2", "i4", "i8")


def frozen(values: ArrayLike) -> Integers:
    """A read-only int64 copy of whole numbers; raises RangeError for one outside int64."""
    largest = float(np.abs(np.asarray(values, np.float64)).max(initial=0.0))
    if not largest < 2.0**63 and np.asarray(values).dtype.kind == "f":
        raise RangeError(
            f"a constant of the program must fit 64 bits, not reach {largest:.3g}: "
            "check the weights and the parameters of the neurons"
        )
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def narrowest(array: Integers) -> np.dtype[Any]:
    """The narrowest little-endian signed type that holds every element."""
    lo, hi = (int(array.min()), int(array.max())) if array.size else (0, 0)
    name = next(d for d in _DTYPES if np.iinfo(d).min <= lo and hi <= np.iinfo(d).max)
    return np.dtype(f"<{name}")


def encode(array: Integers) -> object:
    """JSON form of an integer array."""
    if array.ndim == 1:
        return array.tolist()
    dtype = narrowest(array)
    text = base64.b64encode(array.astype(dtype).tobytes()).decode("ascii")
    return {"shape": list(array.shape), "dtype": dtype.str[1:], "base64": text}


def decode(value: object) -> Integers:
    """Inverse of `encode`; raises ValueError with the rule that was broken."""
    if isinstance(value, np.ndarray):
        return frozen(value)
    if isinstance(value, list):
        if not all(type(v) is int for v in value):
            raise ValueError("a vector must be a list of integers")
        if any(not -(1 << 63) <= v < 1 << 63 for v in value):
            raise ValueError("a vector must hold integers that fit 64 bits")
        return frozen(value)
    if not isinstance(value, dict) or set(value) != {"shape", "dtype", "base64"}:
        raise ValueError("an array must be a list of integers or an object of shape, dtype and base64")
    shape, dtype, text = value["shape"], value["dtype"], value["base64"]
    if dtype not in _DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(_DTYPES)}, not {dtype!r}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"shape must be a list of sizes, not {shape!r}")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("base64 must hold base64 text") from None
    width = np.dtype(dtype).itemsize
    if len(data) != width * int(np.prod(shape, dtype=object)):
        raise ValueError(f"base64 must hold {shape} elements of {width} bytes, not {len(data)} bytes")
    return frozen(np.frombuffer(data, dtype=f"<{dtype}").reshape(shape))


class _ArrayCodec:
    """Teaches pydantic the JSON form without importing pydantic here."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            decode, serialization=core_schema.plain_serializer_function_ser_schema(encode)
        )


IntArray = Annotated[NDArray[np.int64], _ArrayCodec]
