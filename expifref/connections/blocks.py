"""Large matrices, block by block: read through a memory map and never held whole in another type.

A map counts as memory of the process while its pages are there, so whoever goes through one lets them go.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["column_blocks", "map_array", "product", "release", "row_blocks"]

Matrix = NDArray[Any]

_BLOCK_BYTES = 16 << 20
"""Of a block in float64 or int64: what is made of a block takes a few times as much."""


def map_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...], offset: int) -> Matrix:
    """The array at byte `offset` of the file at `path`, read-only and not in memory before it is looked at.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is too short.
    """
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    count = int(np.prod(shape, dtype=object))
    return np.frombuffer(pages, dtype, count, offset).reshape(shape)


def release(matrix: Matrix) -> None:
    """Let go of the pages of a mapped matrix, or of the matrix that it is a part of; else do nothing.

    Of a map that may be written to, nothing is let go: if it is a private one, its changes would be lost.
    """
    if not hasattr(mmap, "MADV_DONTNEED"):  # a system without it lets pages go when it needs the room
        return
    base: Any = matrix
    while isinstance(base, np.ndarray):
        base = base.base
    pages = base.obj if isinstance(base, memoryview) else base
    if isinstance(pages, mmap.mmap) and memoryview(pages).readonly:
        pages.madvise(mmap.MADV_DONTNEED)


def row_blocks(matrix: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Rows of `matrix`, as many at once as one block takes, with their place."""
    count = _lines(matrix.size // max(len(matrix), 1))
    for first in range(0, len(matrix), count):
        rows = slice(first, min(first + count, len(matrix)))
        yield rows, matrix[rows]
        release(matrix)


def column_blocks(matrix: Matrix) -> Iterator[tuple[slice, Matrix]]:
    """Columns of `matrix` `[rows, columns]`, as many at once as one block takes, with their place."""
    rows, columns = matrix.shape
    count = _lines(rows)
    if count >= columns:
        yield slice(0, columns), matrix
        release(matrix)
        return
    for first in range(0, columns, count):
        place = slice(first, min(first + count, columns))
        block = np.empty((rows, place.stop - first), matrix.dtype)
        for part, lines in row_blocks(matrix):
            block[part] = lines[:, place]
        yield place, block


def product(left: Matrix, matrix: Matrix, dtype: DTypeLike) -> Matrix:
    """`left @ matrix`, both in `dtype`; `left` `[batch, rows]`, `matrix` `[rows, columns]`.

    The sum over the rows is formed block by block, which for whole numbers is exact wherever every partial
    sum is. Of a matrix of several blocks, rows that all of `left` has 0 for are left out.
    """
    total: Matrix | None = None
    for rows, block in row_blocks(matrix):
        factor = left[:, rows]
        if len(block) < len(matrix):
            used = factor.any(axis=0)
            factor, block = (factor, block) if used.all() else (factor[:, used], block[used])
        factor, block = factor.astype(dtype, copy=False), block.astype(dtype, copy=False)
        # Vector kernels of BLAS also compute on what lies behind small arrays, and NumPy reports its flags.
        with np.errstate(all="ignore"):
            part = factor @ block
        total = part if total is None else total + part
    return np.zeros((len(left), matrix.shape[1]), dtype) if total is None else total


def _lines(length: int) -> int:
    """Rows or columns of `length` elements that one block takes."""
    return max(_BLOCK_BYTES // (8 * max(length, 1)), 1)
