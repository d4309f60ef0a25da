"""Messages as bytes: a strict JSON document and, beside it, arrays. Nothing that arrives is ever run.

    document length (4 bytes) | document (UTF-8) | arrays, one after the other

The document is `{"about": text, "arrays": [[dtype, shape], ...], "value": ...}`. Its numbers are integers and
arrays lie in the order of `arrays`, little-endian and in C order. All integers before the document are
little-endian too.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.strict_json import loads

__all__ = ["MOST_BYTES", "Array", "Envelope", "decode", "encode", "read_json"]

Array = NDArray[Any]

MOST_BYTES = 1 << 32
"""Of a message."""

_MOST_DOCUMENT = 4 << 20
_MOST_DIMENSIONS = 8
_MOST_LENGTH = 1 << 40  # of one dimension

_LENGTH_BYTES = 4
_DTYPES = frozenset(
    {"|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f4", "<f8"}  # no objects, no records
)


@dataclass(frozen=True)
class Envelope:
    """A message whose value nobody has looked at yet."""

    about: str  # which round of which command
    value: Any  # a JSON document
    arrays: tuple[Array, ...]


def encode(envelope: Envelope) -> bytes:
    """The bytes of a message.

    Raises:
        DataError: it is larger than a message may be, or holds an array of another kind.
    """
    arrays = [_little_endian(array) for array in envelope.arrays]
    declared = [[array.dtype.str, list(array.shape)] for array in arrays]
    document = json.dumps(
        {"about": envelope.about, "arrays": declared, "value": envelope.value}, allow_nan=False
    ).encode()
    size = _LENGTH_BYTES + len(document) + sum(array.nbytes for array in arrays)
    if len(document) > _MOST_DOCUMENT or size > MOST_BYTES:
        raise DataError(
            f"what a rank tells the others must be at most {MOST_BYTES:,} bytes, {_MOST_DOCUMENT:,} of them "
            f"beside arrays, but is {size:,} and {len(document):,}: leave the ranks out, or make smaller ones"
        )
    length = len(document).to_bytes(_LENGTH_BYTES, "little")
    return b"".join((length, document, *(array.tobytes() for array in arrays)))


def decode(message: bytes | bytearray) -> Envelope:
    """The message of which these are the bytes; arrays are copies, and no larger than the message.

    Raises:
        DataError: they are no message.
    """
    length = int.from_bytes(message[:_LENGTH_BYTES], "little")
    start = _LENGTH_BYTES + length
    if len(message) < start or length > _MOST_DOCUMENT:
        _refuse(f"must be whole, with a document of at most {_MOST_DOCUMENT} bytes, not {length}")
    document = read_json(message[_LENGTH_BYTES:start])
    if not isinstance(document, dict) or set(document) != {"about", "arrays", "value"}:
        _refuse("must be an object of about, arrays and value, but is not")
    about, declared = document["about"], document["arrays"]
    if not isinstance(about, str) or not isinstance(declared, list):
        _refuse("must have a text for about and a list for arrays, but has not")
    return Envelope(about, document["value"], _arrays(declared, memoryview(message)[start:]))


def read_json(data: bytes | bytearray) -> Any:
    """Strict JSON without fractions.

    Raises:
        DataError: it is something else.
    """
    try:
        value = loads(data)
    except ValueError as error:
        _refuse(f"must be strict JSON, but {error}")
    left = [value]
    while left:
        found = left.pop()
        if isinstance(found, float):
            _refuse("must have whole numbers only, but has another one")
        left += found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    return value


def _arrays(declared: list[Any], data: memoryview) -> tuple[Array, ...]:
    """Sizes are compared with what is there before an array is made."""
    forms = [_declaration(entry) for entry in declared]
    sizes = [dtype.itemsize * math.prod(shape) for dtype, shape in forms]
    if sum(sizes) != len(data):
        _refuse(f"must hold the {sum(sizes)} bytes of its arrays, not {len(data)}")
    found, start = [], 0
    for (dtype, shape), size in zip(forms, sizes, strict=True):
        flat = np.frombuffer(data[start : start + size], dtype)
        if dtype.kind == "b" and flat.size and int(flat.view(np.uint8).max()) > 1:
            _refuse("must have 0 and 1 for the truth values of arrays, but has others")
        # A copy is aligned, in the order of this machine, and keeps nothing else of the message alive.
        found.append(flat.reshape(shape).astype(dtype.newbyteorder("=")))
        start += size
    return tuple(found)


def _declaration(entry: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    if not isinstance(entry, list) or len(entry) != 2:
        _refuse("must declare a dtype and a shape for every array, but does not")
    dtype, shape = entry
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        _refuse(f"must have arrays of {', '.join(sorted(_DTYPES))} only, but has others")
    if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS or not all(map(_is_length, shape)):
        _refuse(f"must have arrays of at most {_MOST_DIMENSIONS} dimensions from 0 on, but has others")
    # NumPy counts the elements of an empty array as if its lengths of 0 were 1.
    if math.prod(max(length, 1) for length in shape) > _MOST_LENGTH:
        _refuse(f"must have arrays of at most {_MOST_LENGTH} elements, but has larger ones")
    return np.dtype(dtype), tuple(shape)


def _is_length(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_LENGTH


def _little_endian(array: Array) -> Array:
    found = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    if found.dtype.str not in _DTYPES:
        raise DataError(f"ranks must exchange arrays of integers and floats, not of {array.dtype}")
    return found


def _refuse(what: str) -> NoReturn:
    raise DataError(f"the message of another rank {what}: run the same version in all ranks")
