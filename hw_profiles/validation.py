"""Checking a profile document against `schema.json`, one plain sentence per broken rule."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expifref.exceptions import FileFormatError, ProfileError
from expifref.files.texts import KEY, LINE, short, shown

from .document import read

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

__all__ = ["SCHEMA_PATH", "SCHEMA_VERSION", "require_schema", "require_version"]

SCHEMA_VERSION = "expifref/profile/1"
SCHEMA_PATH = Path(__file__).parent / "schema.json"

_TEXTS = {kind.pattern: kind.rule for kind in (KEY, LINE)}
"""What the patterns of the schema say, in words."""

_LONGEST_PATH = 120

_RULES: dict[str, Callable[[Any], str]] = {
    "type": lambda limit: "be " + " or ".join([limit] if isinstance(limit, str) else limit),
    "enum": lambda limit: "be one of " + ", ".join(json.dumps(choice) for choice in limit),
    "const": lambda limit: f"be {json.dumps(limit)}",
    "minimum": lambda limit: f"be at least {limit}",
    "maximum": lambda limit: f"be at most {limit}",
    "maxLength": lambda limit: f"have at most {limit} characters",
    "minLength": lambda _: "be a non-empty text",
    "pattern": lambda pattern: _TEXTS[pattern],
    "uniqueItems": lambda _: "hold every item once only",
}
"""Schema keyword -> what must hold; `required` and `additionalProperties` name keys instead."""


def require_version(document: dict[str, Any], origin: str) -> None:
    """Raise `FileFormatError` unless the document is a profile of the version this package reads."""
    found = document.get("schema")
    if found != SCHEMA_VERSION:
        raise FileFormatError(
            f'`{origin}` must have "schema": "{SCHEMA_VERSION}", the version this expifref reads, '
            f"not {shown(found)}; convert the file or use a matching expifref"
        )


def require_schema(document: dict[str, Any], origin: str) -> None:
    """Raise `ProfileError` naming the JSON path, the rule and the value of the first broken rule."""
    # Only files from outside pay for jsonschema's import; the built-in profiles are validated by the tests.
    errors = sorted(_validator().iter_errors(document), key=lambda error: (error.json_path, error.message))
    if errors:
        raise ProfileError(f"profile `{origin}`: {_sentence(errors[0])}")


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(read(SCHEMA_PATH))


def _sentence(error: ValidationError) -> str:
    path, keyword = short(error.json_path, _LONGEST_PATH), str(error.validator)
    limit: Any = error.validator_value
    value: Any = error.instance
    if keyword == "required":
        missing = next(key for key in limit if key not in value)
        return f"`{path}` must have the key `{missing}`, which is missing; add it, null where unknown"
    if keyword == "additionalProperties":
        schema: Any = error.schema
        return f"`{path}` must not have the key {_unknown_key(schema, value)}"
    return f"`{path}` must {_RULES[keyword](limit)}, not {shown(value)}; correct the value"


def _unknown_key(schema: dict[str, Any], value: dict[str, Any]) -> str:
    if patterns := schema.get("patternProperties"):
        (pattern,) = patterns
        unknown = next(key for key in value if not re.search(pattern, key))
        return f"`{short(unknown)}`; a key there must {_TEXTS[pattern]}"
    known = schema["properties"]
    unknown = next(key for key in value if key not in known)
    return f"`{short(unknown)}`; remove it or use one of {', '.join(f'`{key}`' for key in known)}"
