"""Kinds of files that are read, and how large one of each kind may be before anything of it is looked at.

A file may come from anyone, so its size is bounded by what people really have, and whoever has more says so:
`expifref --limit program=1GiB ...`, or `EXPIFREF_LIMITS=program=1GiB,model=64GiB`. The variable is also how
the processes and ranks of one command come to the same limits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from expifref.exceptions import DataError, ExpifrefError, FileFormatError, ParameterError, ProfileError

__all__ = [
    "DATASET",
    "JOURNAL",
    "KINDS",
    "LIMITS",
    "MODEL",
    "NIR",
    "ONNX",
    "PROFILE",
    "PROGRAM",
    "RECORDING",
    "RESUME",
    "WEIGHTS",
    "Kind",
    "limit_of",
    "raise_limits",
    "require_size",
    "sizes",
]

LIMITS = "EXPIFREF_LIMITS"
"""Environment variable: `KIND=SIZE`, several with commas between."""

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": _KIB, "MiB": _MIB, "GiB": _GIB}
_SIZE = re.compile(r"([0-9]{1,15})(B|kB|MB|GB|KiB|MiB|GiB)?", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    name: str  # in `--limit` and in messages
    bytes: int  # of one file, or of the arrays in it, unless told otherwise
    error: type[ExpifrefError] = FileFormatError  # what a bad one raises


PROFILE = Kind("profile", _MIB, ProfileError)
PROGRAM = Kind("program", 16 * _MIB)  # and deployment files, both without the matrices in a side file
WEIGHTS = Kind("weights", 4 * _GIB)  # a side file, mapped and not read
MODEL = Kind("model", 4 * _GIB)  # mapped
RESUME = Kind("resume", 4 * _GIB)
ONNX = Kind("onnx", 64 * _MIB)  # without what lies beside
NIR = Kind("nir", 256 * _MIB)  # packed, and unpacked
DATASET = Kind("dataset", 256 * _MIB, DataError)  # unpacked, with at least 4 bytes a value, as it is kept
RECORDING = Kind("recording", 256 * _MIB, DataError)  # unpacked; an .npy file is mapped and may be larger
JOURNAL = Kind("journal", 64 * _MIB)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (PROFILE, PROGRAM, WEIGHTS, MODEL, RESUME, ONNX, NIR, DATASET, RECORDING, JOURNAL)
}


def limit_of(kind: Kind) -> int:
    """The most bytes of a file of `kind`; raises ParameterError when `EXPIFREF_LIMITS` cannot be read."""
    text = os.environ.get(LIMITS, "")
    return sizes(part for part in text.split(",") if part.strip()).get(kind.name, kind.bytes)


def raise_limits(options: Iterable[str]) -> None:
    """Set limits for this process and all that it starts.

    Args:
        options: `KIND=SIZE` each, for example `program=1GiB`.

    Raises:
        ParameterError: an option that is not of this form.
    """
    set_before = [part for part in os.environ.get(LIMITS, "").split(",") if part.strip()]
    chosen = sizes([*set_before, *options])
    os.environ[LIMITS] = ",".join(f"{name}={size}" for name, size in chosen.items())


def sizes(options: Iterable[str]) -> dict[str, int]:
    """Bytes by the name of a kind, of options such as `program=1GiB`; raises ParameterError."""
    found: dict[str, int] = {}
    for option in options:
        name, _, text = option.strip().partition("=")
        match = _SIZE.fullmatch(text.strip())
        if name not in KINDS or match is None:
            raise ParameterError(
                f"a limit must be KIND=SIZE, such as program=1GiB, with a kind of {', '.join(KINDS)}, "
                f"not {option[:40]!r}"
            )
        found[name] = int(match[1]) * _UNITS[match[2] or ""]
    return found


def require_size(place: str, size: int, kind: Kind) -> None:
    """Raise the error of `kind` when `size` bytes are more than its limit; `place` names the file."""
    most = limit_of(kind)
    if size > most:
        raise kind.error(
            f"{place} must take at most {_readable(most)}, the limit for a {kind.name} file, not "
            f"{_readable(size)}; if you trust it, give `expifref --limit {kind.name}={_enough(size)} ...`"
        )


def _readable(size: int) -> str:
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def _enough(size: int) -> str:
    """The next power of two in words, as a limit that lets it through."""
    power = max(size - 1, _MIB).bit_length()
    return f"{1 << power - 30}GiB" if power >= 30 else f"{1 << power - 20}MiB"
