"""The one way to a file that somebody else may have made: a regular file, of a bounded size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from expifref.exceptions import FileFormatError

from .limits import Kind, require_size
from .texts import shown

__all__ = ["file_beside", "open_file", "read_file"]

_NAME_BYTES = 255
"""Of a file's name on the common systems."""


@contextmanager
def open_file(path: Path, kind: Kind, bounded: bool = True) -> Iterator[BinaryIO]:
    """The file at `path`, open for reading.

    Args:
        kind: says how large it may be, and what is raised.
        bounded: whether the limit is that of the file; else whoever reads bounds what comes out of it.

    Raises:
        ExpifrefError: of the kind's class: no such file, a folder, device or pipe, or a file too large.
    """
    try:
        # Opened without waiting: a pipe, which is refused below, may have no writer.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise kind.error(f"`{path}` cannot be read: {reason or error}") from None
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            found = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or a pipe"
            raise kind.error(f"`{path}` cannot be read: it must be a regular file, but is {found}")
        if bounded:
            require_size(f"`{path}`", status.st_size, kind)
    except BaseException:
        os.close(number)
        raise
    with os.fdopen(number, "rb") as file:
        yield file


def read_file(path: Path, kind: Kind) -> bytes:
    """All bytes of the file at `path`; errors as `open_file`."""
    with open_file(path, kind) as file:
        try:
            # Not what grew behind the size that was checked.
            return file.read(os.fstat(file.fileno()).st_size)
        except OSError as error:
            raise kind.error(f"`{path}` cannot be read: {error.strerror or error}") from None


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
