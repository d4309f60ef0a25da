"""Archives as the makers of a data set give them out, whose checksums are known."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from expifref.exceptions import DataError
from expifref.files.limits import DATASET, limit_of
from expifref.files.opening import open_file

__all__ = ["member", "opened_archive"]

_PIECE = 1 << 20


@contextmanager
def opened_archive(path: Path, md5: str) -> Iterator[zipfile.ZipFile]:
    """The zip archive at `path`, once its MD5 (hex) was found to be that of the original.

    Raises:
        DataError: there is no such file, or it is damaged or another one.
    """
    with open_file(path, DATASET, bounded=False) as file:
        found = _md5(file)
        if found != md5:
            raise DataError(f"{path} must be the original with the MD5 {md5}, not {found}: download it again")
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{path} must be a complete zip archive and is damaged") from error


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """The content of a member, up to the size that a data file may have; raises DataError beyond."""
    most = limit_of(DATASET)
    with archive.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"`{name}` in the archive must have at most {most} bytes, unpacked")
    return content


def _md5(file: BinaryIO) -> str:
    state = hashlib.md5(usedforsecurity=False)  # what the makers publish
    while piece := file.read(_PIECE):
        state.update(piece)
    file.seek(0)
    return state.hexdigest()
