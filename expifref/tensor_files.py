"""Tensors and one JSON document in a safetensors file; the same content always gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .exceptions import FileFormatError
from .files import write_bytes

__all__ = ["read_tensors", "write_tensors"]


def write_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], kind: str, document: Mapping[str, Any]
) -> None:
    """Write `tensors` and `document` to `path`, whole or not at all.

    Raises:
        FileFormatError: the file cannot be written.
    """
    # safetensors writes several metadata entries in random order, so there is only one.
    write_bytes(path, safetensors.numpy.save(dict(tensors), {kind: json.dumps(document)}))


def read_tensors(path: Path, kind: str, version: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The tensors and the document in `path`.

    Raises:
        FileFormatError: the file is missing, truncated, of another kind or of another version.
    """
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise FileFormatError(f"`{path}` must be an {kind} file, but {found}")
    try:
        with safetensors.safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (safetensors.SafetensorError, OSError) as error:
        raise FileFormatError(
            f"`{path}` must be a complete safetensors file, but is truncated or of another kind"
        ) from error
    return tensors, _document(path, metadata, kind, version)


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
            f"`{path}` must have the {kind} version {version}, not {json.dumps(found)}; "
            "use the expifref release that wrote it"
        )
    return document
