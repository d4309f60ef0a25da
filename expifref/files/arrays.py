"""Arrays in .npy and .npz files: what a header claims is checked before anything is made room for.

NumPy reads a header as a Python literal and trusts its shape, and an archive member may unpack to a thousand
times its size. Here a header is short, its shape is of as many bytes as are there, and what all arrays of a
file unpack to is bounded by the kind of file.
"""

from __future__ import annotations

import io
import lzma
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from expifref.exceptions import ExpifrefError

from .limits import Kind, require_size
from .opening import open_file
from .texts import listed

__all__ = ["map_npy", "read_npz"]

_LONGEST_HEADER = 1024
_WIDEST_VALUE = 8  # bytes
_KEPT_VALUE = 4  # bytes at least, of a value as it is kept
_MOST_DIMENSIONS = 8
_DIRECTORY_BYTES = 1 << 20  # of an archive: a few thousand arrays

_NO_ARRAY = (
    *(ValueError, SyntaxError, TypeError, LookupError, AttributeError, OverflowError),
    *(RecursionError, MemoryError, tokenize.TokenError),
)
"""What NumPy raises for headers that it cannot read: they are Python literals."""

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError),
    *_NO_ARRAY,
)
"""The same, and what zipfile raises; RuntimeError for an encrypted member or an unknown compression."""


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    bytes: int  # of the header itself

    @property
    def values(self) -> int:
        return math.prod(self.shape)

    @property
    def room(self) -> int:
        """Values that there would be if no dimension were 0: what is made for a long one is long too."""
        return math.prod(max(size, 1) for size in self.shape)


def read_npz(
    path: Path, choices: Sequence[tuple[str, ...]], kind: Kind, optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file named by the first of `choices` that it holds, and by `optional` ones.

    Raises:
        ExpifrefError: of the kind's class: the file is missing, damaged, too large, holds Python objects, or
            not the arrays of any choice.
    """
    with open_file(path, kind, bounded=False) as file:
        try:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                keys = _choose_keys(path, members, choices, kind)
                keys += tuple(key for key in optional if key in members)
                headers = {key: _member_header(path, archive, members[key], kind) for key in keys}
                _check_size(path, headers, kind)
                return {key: _read_member(archive, members[key], headers[key]) for key in keys}
        except ExpifrefError:
            raise
        except _DAMAGED as error:
            raise kind.error(
                f"{path} must be a complete .npz file; it is truncated or of another kind"
            ) from error


def map_npy(path: Path, kind: Kind) -> np.memmap[Any, Any]:
    """The array of an .npy file, read-only, whose values stay on disk until they are used.

    Raises:
        ExpifrefError: of the kind's class: the file is missing, damaged, or holds Python objects.
    """
    with open_file(path, kind, bounded=False) as file:
        try:
            header = _header(file)
            if header.bytes + header.values * header.dtype.itemsize > os.fstat(file.fileno()).st_size:
                raise ValueError("the file is too short")
            return npy.open_memmap(path, "r", max_header_size=_LONGEST_HEADER)
        except _DAMAGED as error:
            raise kind.error(
                f"{path} must be a complete .npy file of numbers; it is truncated or of another kind"
            ) from error


def _check_directory(file: BinaryIO) -> None:
    """Refuse an archive of so many members that listing them takes the memory that their limit denies."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - (1 << 16) - 22, 0))
    tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or b"PK\x06\x07" in tail[max(end - 20, 0) : end]:
        raise zipfile.BadZipFile("no directory, or one of another format than a small one has")
    (directory,) = struct.unpack_from("<L", tail, end + 12)
    if directory > _DIRECTORY_BYTES:
        raise zipfile.BadZipFile("the directory is too large")
    file.seek(0)


def _choose_keys(
    path: Path, names: dict[str, zipfile.ZipInfo], choices: Sequence[tuple[str, ...]], kind: Kind
) -> tuple[str, ...]:
    for keys in choices:
        if names.keys() >= set(keys):
            return keys
    raise kind.error(
        f"{path} must hold the arrays {' (or '.join(', '.join(keys) for keys in choices)}"
        f"{')' * (len(choices) - 1)}; it holds {listed(names)}"
    )


def _member_header(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, kind: Kind) -> _Header:
    key = member.filename.removesuffix(".npy")
    damaged = f"{path}: `{key}` must be an array of numbers; it holds Python objects or is damaged"
    try:
        with archive.open(member) as file:
            header = _header(cast(BinaryIO, file))
    except _NO_ARRAY as error:
        raise kind.error(damaged) from error
    if header.bytes + header.values * header.dtype.itemsize != member.file_size:
        raise kind.error(damaged)
    if not header.shape:
        raise kind.error(f"{path}: `{key}` must be an array with one entry per sample, not a single value")
    return header


def _check_size(path: Path, headers: dict[str, _Header], kind: Kind) -> None:
    unpacked = sum(h.room * max(h.dtype.itemsize, _KEPT_VALUE) for h in headers.values())
    require_size(f"the arrays of {path}", unpacked, kind)


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: _Header) -> NDArray[Any]:
    with archive.open(member) as file:
        array: NDArray[Any] = npy.read_array(file, allow_pickle=False, max_header_size=_LONGEST_HEADER)
        if array.shape != header.shape or file.read(1):  # reading to the end checks the sum over all bytes
            raise ValueError("an array of another shape than its header says")
    return array


def _header(file: BinaryIO) -> _Header:
    """The header at the beginning of `file`; raises one of `_DAMAGED`."""
    start = io.BytesIO(file.read(_LONGEST_HEADER + 12))
    version = npy.read_magic(start)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, _, dtype = read(start, max_header_size=_LONGEST_HEADER)
    if dtype.kind not in "biuf" or dtype.itemsize > _WIDEST_VALUE or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("an array must hold numbers of at most 64 bits")
    if not all(type(size) is int and 0 <= size < 1 << 62 for size in shape):
        raise ValueError("a shape must be a tuple of sizes")
    header = _Header(shape, dtype, start.tell())
    if header.room >= 1 << 62:  # even of no values, NumPy multiplies the rest
        raise ValueError("a shape must be one that a file can hold")
    return header
