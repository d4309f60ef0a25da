"""Writing files and folders whole or not at all, by one run at a time, with the rights that a user wants."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from expifref.exceptions import FileFormatError

from .claims import claim, hidden_beside

__all__ = [
    "make_folder",
    "partial_folder",
    "require_writable",
    "write_bytes",
    "write_folder",
    "write_folder_with",
    "write_text",
    "write_with",
]

_PARTIAL = "partial"
"""What a place is called while it is written: what a killed run leaves under it, the next one writes over."""

_WRITING = "writing"


def write_with(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file beside `path`, then put it in place; on failure nothing is left behind.

    Raises:
        FileFormatError: `path` cannot be written, or another run is writing it.
    """
    require_writable(path)
    place = path.resolve()  # behind a link the file is replaced, not the link
    beside = hidden_beside(place, f"{_PARTIAL}{place.suffix}")
    with claim(place, _WRITING):
        try:
            _begin(beside, place)
            write(beside)
            beside.replace(place)
        except OSError as error:
            raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    write_with(path, lambda beside: _discard(beside.write_bytes(data)))


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write `files`, name -> text, as the folder `path`, whole or not at all.

    A folder that is there already is replaced when it holds files of these names only.

    Raises:
        FileFormatError: `path` holds something else, or cannot be written.
    """

    def write(new: Path) -> None:
        for name, text in files.items():
            (new / name).write_text(text, encoding="utf-8")

    write_folder_with(path, files, write)


def write_folder_with(path: Path, names: Collection[str], write: Callable[[Path], None]) -> None:
    """Let `write` fill a folder beside `path`, then put it in place; on failure nothing is left behind.

    A folder that is there already is replaced when it holds files called as in `names` only.

    Raises:
        FileFormatError: `path` holds something else, cannot be written, or another run is writing it.
    """
    _require_replaceable(path, names)
    make_folder(path.parent)
    place = path.resolve()
    with partial_folder(path) as beside:
        new, old = beside / "new", beside / "old"
        try:
            new.mkdir()
            write(new)
            if place.exists():
                shutil.copymode(place, new)
                place.replace(old)
            new.replace(place)
        except OSError as error:
            if old.exists() and not place.exists():
                old.replace(place)
            raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None


@contextmanager
def partial_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` to make its content in, which is removed in the end.

    Raises:
        FileFormatError: it cannot be made, or another run is writing `path`.
    """
    place = path.resolve()
    beside = hidden_beside(place, f"{_PARTIAL}.folder")
    with claim(place, f"{_WRITING}.folder"):
        try:
            _recover(beside, place)
            beside.mkdir(mode=0o777)
        except OSError as error:
            raise FileFormatError(f"`{path}` cannot be written: {error.strerror or error}") from None
        try:
            yield beside
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def require_writable(path: Path) -> None:
    """Make the folder of `path`; raises FileFormatError when no file can be put there.

    Long work calls this first, so that it does not end with nowhere to write to.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise FileFormatError(f"`{path}` cannot be written: it is a folder, and must be the name of a file")
    # Putting a file in place of a device or a pipe would take it away from everyone.
    if path.exists() and not path.is_file():
        raise FileFormatError(f"`{path}` cannot be written: it is a device or a pipe, and must be a file")
    if not os.access(path.parent, os.W_OK):
        raise FileFormatError(f"`{path}` cannot be written: its folder is not writable")


def make_folder(path: Path) -> None:
    """Make `path` and what is above it; raises FileFormatError when that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        found = next(part for part in (path, *path.parents) if part.exists())
        raise FileFormatError(f"the folder `{path}` cannot be made: `{found}` is a file") from None
    except OSError as error:
        raise FileFormatError(f"the folder `{path}` cannot be made: {error.strerror or error}") from None


def _begin(beside: Path, place: Path) -> None:
    """Make an empty file of the rights that the one it replaces has, or a new one is to have."""
    with contextlib.suppress(FileNotFoundError):
        beside.unlink()
    # The system takes the umask off; asking for it would set it for all threads.
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    with contextlib.suppress(FileNotFoundError):
        beside.chmod(stat.S_IMODE(place.stat().st_mode))


def _recover(beside: Path, place: Path) -> None:
    """Put back what a killed run had taken away, and remove what else it left."""
    if not beside.is_dir() or beside.is_symlink():
        return
    old = beside / "old"
    if old.exists() and not place.exists():
        old.replace(place)
    shutil.rmtree(beside)


def _require_replaceable(path: Path, names: Collection[str]) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise FileFormatError(f"`{path}` cannot be written: it is a file, and must be the name of a folder")
    foreign = sorted(entry.name for entry in path.iterdir() if entry.name not in names or entry.is_dir())
    if foreign:
        raise FileFormatError(
            f"`{path}` cannot be written: it holds `{foreign[0]}`, which would be lost; "
            "choose a new folder, or one that holds nothing but an earlier export"
        )


def _discard(_value: object) -> None:
    """Turn a value into None, for callbacks that must not return one."""
