"""The one way to a file of others: regular, bounded, and never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from expifref.exceptions import DataError, FileFormatError, ParameterError
from expifref.files.limits import DATASET, KINDS, LIMITS, PROFILE, PROGRAM, limit_of, raise_limits, sizes
from expifref.files.opening import open_file, read_file


def refusal(path: Path) -> str:
    with pytest.raises(FileFormatError) as caught:
        read_file(path, PROGRAM)
    return str(caught.value)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert read_file(path, PROGRAM) == b"abc" * 1000


def test_a_link_of_the_user_is_followed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert read_file(tmp_path / "link", PROGRAM) == b"abc"


def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == (
        f"`{tmp_path / 'pipe'}` cannot be read: it must be a regular file, but is a device or a pipe"
    )


def test_devices_folders_and_nothing(tmp_path: Path) -> None:
    assert refusal(Path("/dev/zero")) == (
        "`/dev/zero` cannot be read: it must be a regular file, but is a device or a pipe"
    )
    assert refusal(tmp_path) == f"`{tmp_path}` cannot be read: it must be a regular file, but is a folder"
    assert refusal(tmp_path / "none") == f"`{tmp_path / 'none'}` cannot be read: No such file or directory"
    said = refusal(Path("a\0b"))  # the reason is Python's, and has other words in later ones
    assert said.startswith("`a\0b` cannot be read: ")
    assert "embedded null" in said


def test_the_kind_says_what_is_raised(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_file(tmp_path / "none", DATASET)


def test_a_file_over_its_limit_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(PROGRAM.bytes + 1)  # of holes: nothing of it is on the disk
    assert refusal(path) == (
        f"`{path}` must take at most 16 MiB, the limit for a program file, not 16 MiB; if you trust it, give "
        "`expifref --limit program=32MiB ...`"
    )


def test_the_advice_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMITS, "")
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    raise_limits([refusal(path).split("--limit ")[1].split(" ")[0]])
    with open_file(path, PROGRAM) as opened:
        assert opened.read(1) == b"\0"


def test_limits_by_option_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMITS, "program=1MiB, profile=7")
    assert (limit_of(PROGRAM), limit_of(PROFILE), limit_of(DATASET)) == (1 << 20, 7, DATASET.bytes)
    raise_limits(["program=2GiB", "dataset=5MB"])
    assert (limit_of(PROGRAM), limit_of(PROFILE), limit_of(DATASET)) == (2 << 30, 7, 5_000_000)


@pytest.mark.parametrize(
    "option", ["", "x", "program", "program=", "program=x", "program=-1", "bogus=1", "program=1TB"]
)
def test_what_is_no_limit(option: str) -> None:
    with pytest.raises(ParameterError) as caught:
        sizes([option])
    assert str(caught.value) == (
        f"a limit must be KIND=SIZE, such as program=1GiB, with a kind of {', '.join(KINDS)}, not {option!r}"
    )
