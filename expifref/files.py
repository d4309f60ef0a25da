"""Reading JSON with sentences for errors, and writing files whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from expifref.exceptions import FileFormatError
from expifref.texts import shown

__all__ = [
    "file_beside",
    "make_folder",
    "read_json",
    "require_writable",
    "write_bytes",
    "write_folder",
    "write_folder_with",
    "write_text",
    "write_with",
]

_NAME_BYTES = 255
"""Of a file's name on the common systems."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; raises FileFormatError when there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileFormatError(f"`{path}` cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise FileFormatError(f"`{path}` must be a JSON file in UTF-8, but is not text") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise FileFormatError(
            f"`{path}` must hold one complete JSON object, but is cut or damaged{where}"
        ) from None
    if not isinstance(document, dict):
        raise FileFormatError(f"`{path}` must hold a JSON object, not a {type(document).__name__}")
    return document


def file_beside(path: Path, name: object) -> Path:
    """The file `name` that the file at `path` says lies beside it.

    A file from elsewhere must not lead to others: only a bare name of a regular file is followed, and a
    message may show it, so it is printable.

    Raises:
        FileFormatError: `name` is no bare name, or there is no such regular file.
    """
    bare = isinstance(name, str) and name not in ("", ".", "..") and not {"/", "\\"} & set(name)
    if not isinstance(name, str) or not bare or not name.isprintable():
        raise FileFormatError(f"`{path}` must name a file in its own folder, not {shown(name)}")
    if len(name.encode("utf-8")) > _NAME_BYTES:
        raise FileFormatError(
            f"`{path}` must name a file by at most {_NAME_BYTES} bytes, not by {len(name)} characters"
        )
    place = path.parent / name
    if not place.is_file() or place.is_symlink():
        found = (
            "is a symbolic link"
            if place.is_symlink()
            else "is no file"
            if place.exists()
            else "does not exist"
        )
        raise FileFormatError(
            f"`{path}` must have `{name}` beside it, which {found}: copy both files together"
        )
    return place


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then put it in place; on failure nothing is left behind."""
    require_writable(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o644)
        beside.replace(path)
    except OSError as error:
        raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    write_with(path, lambda beside: _discard(beside.write_bytes(data)))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write `files`, name -> text, as the folder `path`, whole or not at all.

    A folder that is there already is replaced when it holds files of these names only.

    Raises:
        FileFormatError: `path` holds something else, or cannot be written.
    """

    def write(new: Path) -> None:
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8")

    write_folder_with(path, files, write)


def write_folder_with(path: Path, names: Collection[str], write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `path`, then put it in place; on failure nothing is left behind.

    A folder that is there already is replaced when it holds files called as in `names` only.

    Raises:
        FileFormatError: `path` holds something else, or cannot be written.
    """
    _require_replaceable(path, names)
    make_folder(path.parent)
    place = path.resolve()  # behind a link the folder is replaced, not the link
    try:
        beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    except OSError as error:
        raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
    new, old = beside / "new", beside / "old"
    try:
        new.mkdir()
        write(new)
        if place.exists():
            place.replace(old)
        new.replace(place)
    except OSError as error:
        if old.exists():
            old.replace(place)
        raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _require_replaceable(path: Path, names: Collection[str]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise FileFormatError(f"`{path}` cannot be written: it is a file, and must be the name of a folder")
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in names or entry.is_dir())
    if foreign:
        raise FileFormatError(
            f"`{path}` cannot be written: it holds `{foreign[0]}`, which would be lost; "
            "choose a new folder, or one that holds nothing but an earlier export"
        )


def _discard(_value: object) -> None:
    """Turn a value into None, for callbacks that must not return one."""


def require_writable(path: Path) -> None:
    """Make the folder of `path`; raises FileFormatError when no file can be put there.

    Long work calls this first, so that it does not end with nowhere to write to.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise FileFormatError(f"`{path}` cannot be written: it is a folder, and must be the name of a file")
    # Putting a file in place of a device or a pipe would take it away from everyone.
    if path.exists() and not path.is_file():
        raise FileFormatError(f"`{path}` cannot be written: it is a device or a pipe, and must be a file")
    if not os.access(path.parent, os.W_OK):
        raise FileFormatError(f"`{path}` cannot be written: its folder is not writable")


def make_folder(path: Path) -> None:
    """Make `path` and what is above it; raises FileFormatError when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        found = next(part for part in (path, *path.parents) if part.exists())
        raise FileFormatError(f"the folder `{path}` cannot be made: `{found}` is a file") from None
    except OSError as error:
        raise FileFormatError(f"the folder `{path}` cannot be made: {error.strerror or error}") from None
