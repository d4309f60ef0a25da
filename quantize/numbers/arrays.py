"""Integer arrays as fields of frozen dataclasses, and their form in JSON.

A vector is a list of integers and in memory int64; a matrix is `{"shape", "dtype", "base64"}` with
little-endian bytes of the narrowest type that holds it, and a large one `{"shape", "dtype", "sha256"}`, with
its bytes in a file beside (`quantize.program.sealed`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from expifref.connections.blocks import row_blocks
from expifref.exceptions import RangeError
from expifref.files.texts import BASE64, DIGEST, shown

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema, core_schema

__all__ = [
    "LARGE",
    "UNSIGNED",
    "ArrayCodec",
    "CodeArray",
    "Codes",
    "IntArray",
    "IntCube",
    "Integers",
    "Matrices",
    "WordArray",
    "codes",
    "column_sums",
    "extremes",
    "frozen",
    "holding",
    "narrowest",
]

Integers = NDArray[np.int64]
Codes = NDArray[np.signedinteger]
"""Weights: of the narrowest type that holds their format, so never to be added up in their own."""

_SIGNED, UNSIGNED = ("i1", "i2", "i4", "i8"), ("u1", "u2", "u4", "u8")

_BESIDE = {"shape", "dtype", "sha256"}
"""Keys of a large matrix."""

LARGE = 1 << 20
"""Matrices of more bytes than this lie in a file of their own."""

_FORM = (
    f"a matrix must be of the narrowest dtype that holds it, in base64 up to {LARGE} bytes and in a side "
    "file above: write it anew"
)


@dataclass(frozen=True)
class Matrices:
    """The large matrices of a document by the hash of their content."""

    by_hash: dict[str, NDArray[Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # those that a document that was read refers to


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


def codes(values: NDArray[Any]) -> Codes:
    """`values`, whole numbers `[rows, columns]`, read-only and of the narrowest type; mapped ones stay so."""
    kind = narrowest(values)
    array = values if values.dtype == kind else values.astype(kind)
    if array.flags.writeable:
        array = array.copy() if array is values else array
        array.flags.writeable = False
    return array


def narrowest(array: NDArray[Any]) -> np.dtype[Any]:
    """The narrowest little-endian type, signed unless `array` is not, that holds every element."""
    return holding(*extremes(array), UNSIGNED if array.dtype.kind == "u" else _SIGNED)


def holding(lo: int, hi: int, kinds: tuple[str, ...] = _SIGNED) -> np.dtype[Any]:
    """The narrowest type of `kinds` that holds `lo .. hi`."""
    name = next(d for d in kinds if np.iinfo(d).min <= lo and hi <= np.iinfo(d).max)
    return np.dtype(f"<{name}")


def extremes(array: NDArray[Any]) -> tuple[int, int]:
    """The least and the largest element, 0 for none."""
    if not array.size:
        return 0, 0
    ends = [(int(block.min()), int(block.max())) for _, block in row_blocks(array)]
    return min(lo for lo, _ in ends), max(hi for _, hi in ends)


def column_sums(matrix: Codes) -> tuple[list[int], list[int]]:
    """The sums of the negative and of the positive elements of each column, as Python ints.

    Formed in int64, which holds them: where it might not, in Python ints.
    """
    lo, hi = extremes(matrix)
    kind: DTypeLike = np.int64 if max(-lo, hi) * len(matrix) < 1 << 63 else object
    low, high = np.zeros(matrix.shape[1], kind), np.zeros(matrix.shape[1], kind)
    for _, block in row_blocks(matrix):
        low = low + np.minimum(block, 0).sum(axis=0, dtype=kind)
        high = high + np.maximum(block, 0).sum(axis=0, dtype=kind)
    return low.tolist(), high.tolist()


def encode(array: NDArray[Any], matrices: Matrices | None) -> object:
    """JSON form of an integer array; a large one is added to `matrices`, where there are some."""
    if array.ndim == 1:
        return array.tolist()
    dtype = narrowest(array)
    form = {"shape": list(array.shape), "dtype": dtype.str[1:]}
    if array.size * dtype.itemsize <= LARGE:
        return form | {"base64": _base64(array.astype(dtype).tobytes())}
    content = _hash(array, dtype)
    if matrices is not None and content not in matrices.by_hash:
        matrices.by_hash[content] = array.astype(dtype, copy=False)
    return form | {"sha256": content}


def decode(value: object, matrices: Matrices | None = None, kinds: tuple[str, ...] = _SIGNED) -> NDArray[Any]:
    """Inverse of `encode`; raises ValueError with the rule that was broken."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list):
        if not all(type(v) is int for v in value):
            raise ValueError("a vector must be a list of integers")
        if any(not -(1 << 63) <= v < 1 << 63 for v in value):
            raise ValueError("a vector must hold integers that fit 64 bits")
        return frozen(value)
    if not isinstance(value, dict) or set(value) not in ({"shape", "dtype", "base64"}, _BESIDE):
        raise ValueError(
            "an array must be a list of integers or an object of shape, dtype and base64 (or sha256)"
        )
    shape, dtype = value["shape"], value["dtype"]
    if dtype not in kinds:
        raise ValueError(f"dtype must be one of {', '.join(kinds)}, not {shown(dtype)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"shape must be a list of sizes, not {shown(shape)}")
    if len(shape) < 2:
        raise ValueError(f"a matrix must have at least two dimensions, not {len(shape)}")
    if set(value) == _BESIDE:
        return _from_beside(value["sha256"], dtype, shape, matrices)
    text = value["base64"]
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ValueError("base64 must hold base64 text") from None
    width = np.dtype(dtype).itemsize
    if len(data) != width * int(np.prod(shape, dtype=object)):
        raise ValueError(f"base64 must hold {shown(shape)} elements of {width} bytes, not {len(data)} bytes")
    array = np.frombuffer(data, dtype=f"<{dtype}").reshape(shape)
    # Of another form of the same matrix the program that was read would have another digest than the file.
    if array.nbytes > LARGE or array.dtype != narrowest(array) or _base64(data) != text:
        raise ValueError(_FORM)
    return array


def _from_beside(content: object, dtype: str, shape: list[int], matrices: Matrices | None) -> NDArray[Any]:
    found: Mapping[str, NDArray[Any]] = {} if matrices is None else matrices.by_hash
    if not isinstance(content, str) or content not in found:
        raise ValueError(f"the side file must hold the matrix with the hash {shown(content)}, and does not")
    array = found[content]
    if matrices is not None:
        matrices.used.add(content)
    if array.dtype != np.dtype(f"<{dtype}") or list(array.shape) != shape:
        raise ValueError(
            f"the side file must hold {dtype} of the shape {shown(shape)}, "
            f"not {array.dtype.str[1:]} of the shape {list(array.shape)}"
        )
    if _hash(array, array.dtype) != content:
        raise ValueError("the side file must hold the matrix that was written, but it was edited or damaged")
    if array.nbytes <= LARGE or array.dtype != narrowest(array):
        raise ValueError(_FORM)
    return array


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _hash(array: NDArray[Any], dtype: np.dtype[Any]) -> str:
    state = hashlib.sha256()
    for _, rows in row_blocks(array):
        state.update(np.ascontiguousarray(rows, dtype).tobytes())
    return state.hexdigest()


def _matrix_forms(kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """A matrix with its bytes, and one whose bytes lie beside."""
    head = {
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "dtype": {"enum": list(kinds)},
    }
    return [
        {
            "type": "object",
            "properties": head | {name: form},
            "required": [*head, name],
            "additionalProperties": False,
        }
        for name, form in (("base64", BASE64.schema), ("sha256", DIGEST.schema))
    ]


class ArrayCodec:
    """Teaches pydantic the JSON form of a matrix without importing pydantic here."""

    kinds = _SIGNED

    @classmethod
    def decoded(cls, value: object, matrices: Matrices | None) -> NDArray[Any]:
        """The array that `value` stands for, as a field holds it: of a type that can be computed with."""
        return frozen(decode(value, matrices, cls.kinds))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def read(value: object, info: core_schema.ValidationInfo[Any]) -> NDArray[Any]:
            return cls.decoded(value, info.context)

        def write(array: NDArray[Any], info: core_schema.SerializationInfo[Any]) -> object:
            return encode(array, info.context)

        return core_schema.with_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(write, info_arg=True),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": cls.forms()}

    @classmethod
    def forms(cls) -> list[dict[str, Any]]:
        """What `decoded` takes, in JSON Schema."""
        return _matrix_forms(cls.kinds)


class _VectorCodec(ArrayCodec):
    """The same for vectors."""

    @classmethod
    def decoded(cls, value: object, matrices: Matrices | None) -> NDArray[Any]:
        if not isinstance(value, list):
            raise ValueError("a vector must be a list of integers")
        return super().decoded(value, matrices)

    @classmethod
    def forms(cls) -> list[dict[str, Any]]:
        return [{"type": "array", "items": {"type": "integer"}}]


class _CodeCodec(ArrayCodec):
    """The same for matrices that may be large."""

    @classmethod
    def decoded(cls, value: object, matrices: Matrices | None) -> NDArray[Any]:
        array = decode(value, matrices, cls.kinds)
        if array.ndim != 2:
            raise ValueError(f"a matrix must have two dimensions, not {array.ndim}")
        return codes(array)


class _WordCodec(_CodeCodec):
    """The same for memory words."""

    kinds = UNSIGNED


IntArray = Annotated[NDArray[np.int64], _VectorCodec]
IntCube = Annotated[NDArray[np.int64], ArrayCodec]
CodeArray = Annotated[NDArray[np.signedinteger], _CodeCodec]
WordArray = Annotated[NDArray[np.unsignedinteger], _WordCodec]
