"""Finding, reading and checking profiles: a built-in by its name, a user's own by its file."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any

from expifref.exceptions import ProfileError

from .document import read
from .profile import (
    Arithmetic,
    Capabilities,
    Capacity,
    Exponential,
    Fact,
    Limit,
    OverflowModes,
    Profile,
    Refractory,
    Refusal,
    Rescale,
    Resets,
    RoundingModes,
    Source,
)
from .validation import require_schema, require_version

__all__ = [
    "check_profile",
    "load_profile",
    "parse_profile",
    "profile_names",
    "profile_path",
    "with_arithmetic",
]

_DEVICES = Path(__file__).parent / "devices"


def profile_names() -> tuple[str, ...]:
    """Names of the built-in profiles, sorted."""
    return tuple(sorted(path.stem for path in _DEVICES.glob("*.json")))


def profile_path(name: str) -> Path:
    """The file of a built-in profile; raises `ProfileError` for an unknown name, suggesting the closest."""
    names = profile_names()
    if name in names:
        return _DEVICES / f"{name}.json"
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean `{close[0]}`?" if close else "choose one of them or give the path of a .json file"
    raise ProfileError(f"profile must be one of {', '.join(names)} or a .json file, not `{name}`; {hint}")


def load_profile(name_or_path: str | os.PathLike[str]) -> Profile:
    """Load a built-in profile by name, or a user's own by path.

    A path object, a text ending in `.json` and a text with a path separator are files; anything else is a
    name. Files are checked in full (`check_profile`).
    """
    text = os.fspath(name_or_path)
    if not isinstance(name_or_path, str) or text.endswith(".json") or Path(text).name != text:
        return check_profile(text)
    path = profile_path(text)
    return _build(read(path), str(path))


def check_profile(path: str | os.PathLike[str]) -> Profile:
    """Read a profile file and check all of it: JSON, version, schema, then the rules across fields.

    Raises `FileFormatError` for a broken or foreign file or another version, `ProfileError` for the rest.
    """
    document = read(Path(path))
    return _checked(document, os.fspath(path))


def parse_profile(document: dict[str, Any], origin: str) -> Profile:
    """The profile in `document`, checked like a file; `origin` names it in errors."""
    return _checked(document, origin)


def with_arithmetic(profile: Profile, **changes: int) -> Profile:
    """The profile with some numbers of its arithmetic changed, for example `weight_bits=4`, and checked anew.

    Raises `ProfileError` if a number is out of range, contradicts another, or the profile has no arithmetic.
    """
    if profile.arithmetic is None:
        raise ProfileError(f"profile `{profile.name}` has no arithmetic to change; choose another profile")
    document = profile.document
    document["arithmetic"] |= changes
    return _checked(document, profile.name)


def _checked(document: dict[str, Any], origin: str) -> Profile:
    require_version(document, origin)
    require_schema(document, origin)
    return _build(document, origin)


def _build(document: dict[str, Any], origin: str) -> Profile:
    """The dataclasses of a document whose shape is known to be right."""
    try:
        return Profile(
            **document
            | {
                "sources": tuple(Source(key, text) for key, text in document["sources"].items()),
                "arithmetic": _arithmetic(document["arithmetic"]),
                "capacity": Capacity(**{key: Limit(**limit) for key, limit in document["capacity"].items()}),
                "capabilities": _capabilities(document["capabilities"]),
                "facts": tuple(Fact(**fact) for fact in document["facts"]),
                "refusals": tuple(Refusal(**refusal) for refusal in document["refusals"]),
            }
        )
    except ProfileError as error:
        raise ProfileError(f"profile `{origin}`: {error}") from error


def _arithmetic(values: dict[str, Any] | None) -> Arithmetic | None:
    if values is None:
        return None
    return Arithmetic(
        **values
        | {
            "rescale": Rescale(**values["rescale"]),
            "rounding": RoundingModes(**values["rounding"]),
            "overflow": OverflowModes(**values["overflow"]),
        }
    )


def _capabilities(values: dict[str, Any]) -> Capabilities:
    refractory = values["refractory"]
    resets = values["resets"]
    return Capabilities(
        exponential=Exponential(**values["exponential"]),
        refractory=None if refractory is None else Refractory(**refractory),
        resets=Resets(**resets | {"kinds": tuple(resets["kinds"])}),
    )
