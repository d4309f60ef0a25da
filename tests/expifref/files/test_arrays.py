"""Arrays of others: no header makes room for more than the file holds, no archive unpacks beyond its kind."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import DataError
from expifref.files.arrays import map_npy, read_npz
from expifref.files.limits import DATASET, LIMITS, RECORDING

CUT = "must be a complete .npz file; it is truncated or of another kind"
NONE = "`x` must be an array of numbers; it holds Python objects or is damaged"


def npy(header: str, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An .npy file with `header` as it stands."""
    size = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + size + header.encode("latin-1") + data


def shaped(shape: object, descr: str = "<u1") -> str:
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"


def archive(path: Path, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("x.npy", content)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_npz(path, [("x",)], DATASET)
    return str(caught.value).removeprefix(f"{path}").lstrip(": ")


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<i8", "<f2", "<f4", ">f8", "?"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 4), (1, 2, 3, 4)])
def test_what_numpy_writes_is_read(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", x=array, other=array)
        found = read_npz(tmp_path / "a.npz", [("missing",), ("x",)], DATASET)
        assert list(found) == ["x"]
        np.testing.assert_array_equal(found["x"], array)
        assert found["x"].dtype == array.dtype
    np.save(tmp_path / "a.npy", np.asfortranarray(array))
    np.testing.assert_array_equal(map_npy(tmp_path / "a.npy", RECORDING), array)


@pytest.mark.parametrize(
    "header",
    [
        shaped((1 << 50,)),
        shaped((1 << 31, 1 << 31, 1 << 31)),
        shaped((1 << 40, 0, 1 << 40)),
        shaped((-1,)),
        shaped((True,)),
        shaped("(4.0,)"),
        shaped("(" * 300 + "4" + ",)" * 300),
        shaped("(" + "-" * 900 + "4,)"),
        shaped("4"),
        shaped((1,) * 9),
        shaped((4,), "|O"),
        shaped((1,), "<U1"),
        shaped((1,), "<c8"),
        shaped((4,), "no type"),
        shaped((4,)).replace("'descr'", "'other'"),
        "{",
        "",
        "x" * 1020 + shaped((4,)),
    ],
)
def test_headers_that_ask_for_something_else(tmp_path: Path, header: str) -> None:
    content = npy(header, b"abcd")
    assert refusal(archive(tmp_path / "a.npz", content)) == NONE
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"must be a complete \.npy file of numbers"):
        map_npy(tmp_path / "a.npy", RECORDING)


def test_a_header_of_another_version(tmp_path: Path) -> None:
    assert refusal(archive(tmp_path / "a.npz", npy(shaped((4,)), b"abcd", (3, 0)))) == NONE
    assert read_npz(archive(tmp_path / "a.npz", npy(shaped((4,)), b"abcd", (2, 0))), [("x",)], DATASET)


@pytest.mark.parametrize("data", [b"abc", b"abcde"])
def test_an_array_that_is_shorter_or_longer_than_its_header_says(tmp_path: Path, data: bytes) -> None:
    assert refusal(archive(tmp_path / "a.npz", npy(shaped((4,)), data))) == NONE


def test_what_unpacks_to_more_than_its_kind_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (DATASET.bytes >> 2) + 1  # of one byte each, which are kept as four
    small = archive(tmp_path / "a.npz", npy(shaped((size,)), bytes(size)))
    assert small.stat().st_size < 100_000
    limit = "`expifref --limit dataset=512MiB ...`"
    assert refusal(small) == (
        f"the arrays of {small} must take at most 256 MiB, the limit for a dataset file, not 256 MiB; "
        f"if you trust it, give {limit}"
    )
    monkeypatch.setenv(LIMITS, "dataset=512MiB")
    assert read_npz(small, [("x",)], DATASET)["x"].shape == (size,)


def test_no_values_along_a_long_dimension(tmp_path: Path) -> None:
    long = archive(tmp_path / "a.npz", npy(shaped((1 << 31, 0)), b""))
    assert refusal(long).startswith(f"the arrays of {long} must take at most 256 MiB, the limit for a ")


def test_a_member_that_says_it_is_smaller_than_it_is(tmp_path: Path) -> None:
    content = npy(shaped((1 << 20,)), bytes(1 << 20))
    path = archive(tmp_path / "a.npz", content)
    data = path.read_bytes()
    lie = len(npy(shaped((4,)), b"abcd"))
    path.write_bytes(data.replace(struct.pack("<L", len(content)), struct.pack("<L", lie)))
    assert refusal(path) == CUT


def test_a_directory_of_too_many_members(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as file:
        for number in range(25_000):
            file.writestr(zipfile.ZipInfo(f"{number:05}"), b"")
    assert refusal(path) == CUT


def broken(content: bytes) -> list[bytes]:
    encrypted = bytearray(content)
    encrypted[6] |= 1  # the flags of the member, and again in the directory
    encrypted[content.index(b"PK\x01\x02") + 8] |= 1
    return [
        b"",
        b"PK",
        content[:40],
        content[:-5],
        content[10:],
        content.replace(b"\x93NUMPY", b"\x93NUMPX"),
        bytes(encrypted),
    ]


@pytest.mark.parametrize("number", range(7))
def test_archives_that_are_none(tmp_path: Path, number: int) -> None:
    stored: io.BytesIO = io.BytesIO()
    np.savez(stored, x=np.arange(4))
    path = tmp_path / "a.npz"
    path.write_bytes(broken(stored.getvalue())[number])
    assert refusal(path) in (CUT, NONE)


def test_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(1000))
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<q", 500))] ^= 1
    path.write_bytes(data)
    assert refusal(path) == CUT


@pytest.mark.parametrize("value", [np.int64(3), np.array(3.0)])
def test_a_single_value(tmp_path: Path, value: Any) -> None:
    np.savez(tmp_path / "a.npz", x=value)
    assert refusal(tmp_path / "a.npz") == (
        "`x` must be an array with one entry per sample, not a single value"
    )


def test_many_names_are_cut(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {f"{'long' * 30}{n}": np.zeros(1) for n in range(30)}
    np.savez(tmp_path / "a.npz", **arrays)
    assert len(refusal(tmp_path / "a.npz")) < 300
