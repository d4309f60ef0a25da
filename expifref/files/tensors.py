"""Tensors and one JSON document in a safetensors file; the same content always gives the same bytes.

Large tensors are mapped, not read: a network may be larger than what memory has room for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from expifref.connections.blocks import map_array
from expifref.exceptions import ExpifrefError, FileFormatError

from .limits import Kind
from .opening import open_file
from .strict_json import parse_document
from .texts import short, shown
from .writing import write_with

__all__ = ["load_tensors", "read_tensors", "save_tensors", "write_tensors"]

_MAPPED_BYTES = 1 << 20
"""Tensors of this size or more are mapped."""

_MOST_READ = 1 << 28
"""Bytes of all others."""

_LONGEST_HEADER = 1 << 20
_LARGEST = 1 << 62

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BOOL": "?",
    "I8": "<i1",
    "I16": "<i2",
    "I32": "<i4",
    "I64": "<i8",
}
_DTYPES |= {"U8": "<u1", "U16": "<u2", "U32": "<u4", "U64": "<u8"}


@dataclass(frozen=True)
class _Entry:
    """A tensor as the header says it."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # from where the data begin
    bytes: int


def write_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], kind: str, document: Mapping[str, Any]
) -> None:
    """Write `tensors` and `document` to `path`, whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
    """
    # safetensors writes several metadata entries in random order, so there is only one.
    save_tensors(path, tensors, {kind: json.dumps(document)})


def save_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write `tensors` to `path`, whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
    """

    def write(beside: Path) -> None:
        try:
            safetensors.numpy.save_file(dict(tensors), beside, metadata)
        except safetensors.SafetensorError as error:
            raise FileFormatError(f"`{path}` cannot be written: {error}") from None

    write_with(path, write)


def read_tensors(
    path: Path, format_name: str, version: int, kind: Kind
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The tensors and the document in `path`.

    Args:
        format_name: under which the document lies in the metadata.

    Raises:
        FileFormatError: the file is missing, truncated, of another format or of another version.
    """
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise FileFormatError(f"`{path}` must be an {format_name} file, but {found}")
    tensors, metadata = load_tensors(path, kind)
    return tensors, _document(path, metadata, format_name, version)


def load_tensors(path: Path, kind: Kind) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors and the metadata in `path`; large tensors are read-only maps of the file.

    Raises:
        ExpifrefError: of the kind's class: no safetensors file, a truncated or too large one, or a tensor of
            a type that NumPy lacks.
    """
    with open_file(path, kind) as file:
        start, entries, metadata = _header(path, file, kind)
    try:
        with safetensors.safe_open(str(path), framework="numpy") as opened:
            mapped = _mapped(path, start, entries)
            read = {name: opened.get_tensor(name) for name in entries if name not in mapped}
            return mapped | read, metadata
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, kind) from error


def _header(path: Path, file: BinaryIO, kind: Kind) -> tuple[int, dict[str, _Entry], dict[str, str]]:
    """Where the data begin, every tensor, and the metadata; whether they fit the file, safetensors says."""
    size = int.from_bytes(file.read(8), "little")
    data = file.read(min(size, _LONGEST_HEADER + 1))
    if len(data) < size or not data.lstrip().startswith(b"{"):
        raise _damaged(path, kind)
    header = parse_document(data, f"the header of `{path}`", kind.error)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(path, kind)
    entries = {name: _entry(path, name, said, kind) for name, said in header.items()}
    small = sum(entry.bytes for entry in entries.values() if entry.bytes < _MAPPED_BYTES)
    if small > _MOST_READ:
        raise kind.error(f"`{path}` must hold at most {_MOST_READ} bytes in small tensors, not {small}")
    return 8 + size, entries, metadata


def _entry(path: Path, name: str, said: Any, kind: Kind) -> _Entry:
    try:
        dtype, shape, (start, stop) = said["dtype"], tuple(said["shape"]), said["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, kind) from None
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise kind.error(
            f"`{path}` must hold tensors of one of the types {', '.join(_DTYPES)}, "
            f"but `{short(name)}` is {short(str(dtype), 20)}"
        )
    if not all(type(size) is int and 0 <= size < _LARGEST for size in (*shape, start, stop)):
        raise _damaged(path, kind)
    return _Entry(np.dtype(_DTYPES[dtype]), shape, start, stop - start)


def _mapped(path: Path, start: int, entries: Mapping[str, _Entry]) -> dict[str, NDArray[Any]]:
    """The large tensors of a file that safetensors found whole, without the copy that it would make."""
    return {
        name: map_array(path, entry.dtype, entry.shape, start + entry.start)
        for name, entry in entries.items()
        if entry.bytes >= _MAPPED_BYTES
    }


def _damaged(path: Path, kind: Kind) -> ExpifrefError:
    return kind.error(f"`{path}` must be a complete safetensors file, but is truncated or of another kind")


def _document(path: Path, metadata: dict[str, str], format_name: str, version: int) -> dict[str, Any]:
    if format_name not in metadata:
        raise FileFormatError(f"`{path}` must be an {format_name} file, but is another safetensors file")
    document = parse_document(metadata[format_name], f"the metadata of `{path}`")
    found = document.get("version")
    if type(found) is not int or found != version:
        raise FileFormatError(
            f"`{path}` must have the {format_name} version {version}, not {shown(found)}; "
            "use the expifref release that wrote it"
        )
    return document
