"""Who may write to a place: one run at a time.

A claim is a lock on a small file beside the place. Nothing of a killed run keeps the next one away, since its
locks died with it, and what it left behind is the next one's to use. Without locks nobody is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from expifref.exceptions import FileFormatError

from .locks import try_lock

__all__ = ["claim", "hidden_beside"]

_NAME_BYTES = 255
_RETRY_SECONDS = 0.1


def hidden_beside(place: Path, what: str) -> Path:
    """The name of a hidden file or folder that belongs to `place` and lies beside it."""
    name = f".{place.name}.{what}"
    if len(os.fsencode(name)) > _NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(place.name)).hexdigest()[:32]}.{what}"
    return place.with_name(name)


@contextmanager
def claim(place: Path, what: str = "claim", wait_seconds: float = 0.0) -> Iterator[None]:
    """Have `place`, a file or a folder to be, for this process alone.

    Args:
        what: claims of another name do not meet, so that a run may claim what each of its files claims again.
        wait_seconds: how long to wait for another process to be done.

    Raises:
        FileFormatError: another process has it, or the folder of `place` cannot be written to.
    """
    until = time.monotonic() + wait_seconds
    lock = hidden_beside(place, what)
    number = _taken(lock, place, until)
    try:
        yield
    finally:
        # Before it is let go of: who waits for this file finds that it is not the one of that name any more.
        with contextlib.suppress(OSError):
            lock.unlink()
        os.close(number)


def _taken(lock: Path, place: Path, until: float) -> int:
    while True:
        try:
            number = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise FileFormatError(f"`{place}` cannot be written: {error.strerror or error}") from None
        if try_lock(number) is False:
            os.close(number)
            if time.monotonic() < until:
                time.sleep(_RETRY_SECONDS)
                continue
            raise FileFormatError(
                f"`{place}` cannot be written: another run is writing it; wait until that ends, or give "
                "another place"
            )
        if _is_still(number, lock):
            return number
        os.close(number)


def _is_still(number: int, lock: Path) -> bool:
    try:
        there = lock.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(number), there)
