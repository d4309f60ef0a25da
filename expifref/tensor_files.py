"""Tensors and one JSON document in a safetensors file; the same content always gives the same bytes.

Large tensors are mapped, not read: a network may be larger than what memory has room for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .blocks import map_array
from .exceptions import FileFormatError
from .files import write_with
from .texts import short, shown

__all__ = ["load_tensors", "read_tensors", "save_tensors", "write_tensors"]

_MAPPED_BYTES = 1 << 20
"""Tensors of this size or more are mapped."""

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
    write_with(path, lambda beside: safetensors.numpy.save_file(dict(tensors), beside, metadata))


def read_tensors(path: Path, kind: str, version: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The tensors and the document in `path`.

    Raises:
        FileFormatError: the file is missing, truncated, of another kind or of another version.
    """
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise FileFormatError(f"`{path}` must be an {kind} file, but {found}")
    tensors, metadata = load_tensors(path)
    return tensors, _document(path, metadata, kind, version)


def load_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The tensors and the metadata in `path`; large tensors are read-only maps of the file.

    Raises:
        FileFormatError: no safetensors file, a truncated one, or a tensor of a type that NumPy lacks.
    """
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            mapped = _mapped(path)
            names = [name for name in file.keys() if name not in mapped]  # noqa: SIM118  # no mapping
            return mapped | {name: file.get_tensor(name) for name in names}, metadata
    except (safetensors.SafetensorError, OSError) as error:
        raise FileFormatError(
            f"`{path}` must be a complete safetensors file, but is truncated or of another kind"
        ) from error


def _mapped(path: Path) -> dict[str, NDArray[Any]]:
    """The large tensors of a file that safetensors found whole, without the copy that it would make."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    mapped = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] not in _DTYPES:
            raise FileFormatError(
                f"`{path}` must hold tensors of one of the types {', '.join(_DTYPES)}, "
                f"but `{short(name)}` is {entry['dtype']}"
            )
        start, stop = entry["data_offsets"]
        if stop - start >= _MAPPED_BYTES and math.prod(entry["shape"]):
            shape = tuple(entry["shape"])
            mapped[name] = map_array(path, _DTYPES[entry["dtype"]], shape, 8 + size + start)
    return mapped


def _document(path: Path, metadata: dict[str, str], kind: str, version: int) -> dict[str, Any]:
    if kind not in metadata:
        raise FileFormatError(f"`{path}` must be an {kind} file, but is another safetensors file")
    try:
        document = json.loads(metadata[kind])
    except json.JSONDecodeError as error:
        raise FileFormatError(f"`{path}` must hold complete metadata, but they are damaged") from error
    found = document.get("version") if isinstance(document, dict) else None
    if not isinstance(document, dict) or type(found) is not int or found != version:
        raise FileFormatError(
            f"`{path}` must have the {kind} version {version}, not {shown(found)}; "
            "use the expifref release that wrote it"
        )
    return document
