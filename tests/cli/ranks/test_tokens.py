"""Where the token comes from, and that it goes nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.ranks.tokens import TOKEN, TOKEN_FILE, new_token, take_token
from expifref.exceptions import ParameterError

GOOD = "0123456789abcdef" * 2
HOW = "make one with `python3 -c 'import secrets; print(secrets.token_hex())'`"


@pytest.fixture(autouse=True)
def _no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN, raising=False)
    monkeypatch.delenv(TOKEN_FILE, raising=False)


def refusal() -> str:
    with pytest.raises(ParameterError) as caught:
        take_token()
    return str(caught.value)


def test_the_environment_holds_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, GOOD)
    assert take_token() == GOOD.encode()
    assert TOKEN not in os.environ  # so no program that is started knows it


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, mode: int
) -> None:
    monkeypatch.setenv(TOKEN_FILE, str(written(tmp_path / "token", GOOD + end, mode)))
    assert take_token() == GOOD.encode()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620, 0o610])
def test_a_file_of_others_too_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    path = written(tmp_path / "token", GOOD, mode)
    monkeypatch.setenv(TOKEN_FILE, str(path))
    assert refusal() == (
        f"`{path}` must be readable by you alone, since it holds the token, but is not: say `chmod 600` to it"
    )


def test_something_else_than_a_file_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)  # to which nobody writes
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        monkeypatch.setenv(TOKEN_FILE, str(path))
        assert refusal() == f"{TOKEN_FILE} must name a regular file, but `{path}` is none"
    monkeypatch.setenv(TOKEN_FILE, str(tmp_path / "nowhere"))
    assert refusal() == (
        f"{TOKEN_FILE} must name a file that can be read, but `{tmp_path}/nowhere` cannot: "
        "No such file or directory"
    )


def test_without_one_the_sentence_says_how_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = (
        f"ranks must know a token, the same in all, from {TOKEN} or a private file that {TOKEN_FILE} names, "
        f"but neither is set: {HOW}, or let `--ranks N` alone start all ranks on this machine"
    )
    assert refusal() == sentence
    monkeypatch.setenv(TOKEN, "")
    assert refusal() == sentence


def test_there_is_one_place_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, GOOD)
    monkeypatch.setenv(TOKEN_FILE, str(tmp_path))
    assert refusal() == f"the token must come from one of {TOKEN} and {TOKEN_FILE}: unset the other"


@pytest.mark.parametrize(
    "text", ["a" * 31, "a" * 257, "a" * 40 + " ", "ä" * 40, "a" * 40 + "\n" + "b" * 3, "\0" * 40]
)
def test_a_token_is_long_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = written(tmp_path / "token", text)
    monkeypatch.setenv(TOKEN_FILE, str(path))
    said = refusal()
    assert said.startswith(
        f"the token in `{path}` must be 32 to 256 ASCII characters without spaces, but is not "
    )
    assert said.endswith(f" characters): {HOW}")
    assert text not in said


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "token", "a")
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    monkeypatch.setenv(TOKEN_FILE, str(path))
    assert "(258 characters)" in refusal()


def test_new_ones_differ_and_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_token(), new_token()
    assert first != second
    monkeypatch.setenv(TOKEN, first.decode())
    assert take_token() == first
