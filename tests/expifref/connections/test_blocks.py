"""Matrices block by block: every element once, the same product, and maps whose pages go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.connections import blocks

RNG = np.random.default_rng(0)
MATRIX = RNG.integers(-128, 128, (37, 29)).astype(np.int8)


@pytest.fixture(params=[8, 8 * 29, 8 * 100, 8 * 37 * 29])
def small_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one element, a row, some, and the whole matrix."""
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", request.param)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("cut", "axis"), [(blocks.row_blocks, 0), (blocks.column_blocks, 1)])
def test_blocks_hold_every_element_once_and_in_order(
    cut: Callable[[NDArray[Any]], Iterator[tuple[slice, NDArray[Any]]]], axis: int
) -> None:
    parts = list(cut(MATRIX))
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts], axis=axis), MATRIX)
    ends = [0, *(place.stop for place, _ in parts)]
    assert [place.start for place, _ in parts] == ends[:-1]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", [np.int64, np.float64, np.float32])
def test_a_product_of_whole_numbers_does_not_depend_on_the_blocks(kind: type) -> None:
    left = RNG.integers(0, 256, (5, 37))
    left[:, 3:20] = 0  # rows that are left out
    wanted = left @ MATRIX.astype(np.int64)
    found = blocks.product(left, MATRIX, kind)
    assert found.dtype == kind
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(blocks.product(0 * left, MATRIX, kind), 0 * wanted)


def test_a_map_lets_its_pages_go(tmp_path: Path) -> None:
    path = tmp_path / "matrix"
    size = 64 << 20
    path.write_bytes(b"x" * 24 + bytes(size))
    matrix = blocks.map_array(path, np.int8, (1024, size // 1024), 24)
    before = mapped_bytes(path)
    assert int(matrix.sum()) == 0
    assert mapped_bytes(path) - before >= size
    blocks.release(matrix[5:, 3:])  # of any part
    assert mapped_bytes(path) == before
    for _, rows in blocks.row_blocks(matrix):
        assert not rows.any()
        assert mapped_bytes(path) - before < size // 4
    blocks.release(MATRIX)  # nothing to let go


@pytest.mark.parametrize("sealed", [False, True])
def test_changes_of_a_private_map_are_kept(tmp_path: Path, sealed: bool) -> None:
    np.save(tmp_path / "matrix.npy", MATRIX)
    matrix = np.lib.format.open_memmap(tmp_path / "matrix.npy", "c")
    matrix[3, 5] = wanted = 77 if MATRIX[3, 5] != 77 else 78
    matrix.flags.writeable = not sealed
    for _ in blocks.row_blocks(matrix):
        pass
    assert matrix[3, 5] == wanted


def test_a_system_that_cannot_be_told_to_let_pages_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "matrix"
    path.write_bytes(MATRIX.tobytes())
    matrix = blocks.map_array(path, np.int8, MATRIX.shape, 0)
    monkeypatch.delattr("mmap.MADV_DONTNEED")
    for rows, block in blocks.row_blocks(matrix):
        np.testing.assert_array_equal(block, MATRIX[rows])


def test_a_map_that_is_too_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "matrix"
    path.write_bytes(bytes(10))
    with pytest.raises(ValueError, match="buffer"):
        blocks.map_array(path, np.int64, (2,), 0)


def mapped_bytes(path: Path) -> int:
    """What of the file at `path` counts as memory of this process."""
    inside = False
    total = 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if not line.split(" ")[0].endswith(":"):
            inside = line.endswith(str(path))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total
