"""Folders for what a program makes and throws away, such as code that is compiled and run.

Each is held by a lock for as long as its process lives. A process that is killed cannot remove its own, so
whoever makes the next one removes those that nobody holds.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .locks import try_lock

__all__ = ["scratch_folder", "scratch_folder_of"]

_PREFIX = "expifref-scratch-"
_HELD = ".held"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder of this process alone, removed in the end."""
    path, held = _make()
    try:
        yield path
    finally:
        _remove(path, held)


def scratch_folder_of(owner: object) -> Path:
    """An empty folder that is there as long as `owner`."""
    path, held = _make()
    weakref.finalize(owner, _remove, path, held)
    return path


def _make() -> tuple[Path, int]:
    base = Path(tempfile.gettempdir())
    _sweep(base)
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        held = os.open(path / _HELD, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if try_lock(held) is not False:
                (path / "files").mkdir()
                return path / "files", held
        except FileNotFoundError:  # swept away before it was locked
            pass
        os.close(held)


def _remove(path: Path, held: int) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.close(held)


def _sweep(base: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    for path in base.glob(f"{_PREFIX}*"):
        # Of others, or of a name that leads elsewhere: not ours to remove.
        with contextlib.suppress(OSError):
            if not path.is_symlink() and path.stat().st_uid == os.getuid() and _abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _abandoned(path: Path) -> bool:
    # One without the file was only just begun, or is being removed.
    held = os.open(path / _HELD, os.O_RDWR)
    try:
        return try_lock(held) is True
    finally:
        os.close(held)
