"""The token that ranks show each other: from the environment or a private file, never from a command line."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from expifref.exceptions import ParameterError

__all__ = ["TOKEN", "TOKEN_FILE", "new_token", "take_token"]

TOKEN = "EXPIFREF_TOKEN"
TOKEN_FILE = "EXPIFREF_TOKEN_FILE"
"""Environment variables: the token, or the file that holds it."""

_FEWEST, _MOST = 32, 256  # characters
_HOW = "make one with `python3 -c 'import secrets; print(secrets.token_hex())'`"


def new_token() -> bytes:
    """One that nobody can guess."""
    return secrets.token_hex().encode()


def take_token() -> bytes:
    """The token of the environment, and take it out: the programs that a rank starts need not know it.

    Raises:
        ParameterError: there is none, or it is too short, or others can read the file it is in.
    """
    token, path = os.environ.pop(TOKEN, ""), os.environ.get(TOKEN_FILE, "")
    if token and path:
        raise ParameterError(f"the token must come from one of {TOKEN} and {TOKEN_FILE}: unset the other")
    if not token and not path:
        raise ParameterError(
            f"ranks must know a token, the same in all, from {TOKEN} or a private file that {TOKEN_FILE} "
            f"names, but neither is set: {_HOW}, or let `--ranks N` alone start all ranks on this machine"
        )
    where = f"`{path}`" if path else TOKEN
    text = _read(Path(path)) if path else token
    if not text.isascii() or not text.isprintable() or " " in text or not _FEWEST <= len(text) <= _MOST:
        raise ParameterError(
            f"the token in {where} must be {_FEWEST} to {_MOST} ASCII characters without spaces, "
            f"but is not ({len(text)} characters): {_HOW}"
        )
    return text.encode()


def _read(path: Path) -> str:
    try:
        # Of a pipe that nobody writes to, the open would not return.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ParameterError(
            f"{TOKEN_FILE} must name a file that can be read, but `{path}` cannot: {why}"
        ) from None
    try:
        _check_private(path, os.fstat(descriptor))
        return os.read(descriptor, _MOST + 2).decode("ascii", "replace").rstrip("\r\n")
    finally:
        os.close(descriptor)


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ParameterError(f"{TOKEN_FILE} must name a regular file, but `{path}` is none")
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ParameterError(
            f"`{path}` must be readable by you alone, since it holds the token, but is not: "
            "say `chmod 600` to it"
        )
