"""Parts of pages that are made from the program itself: its commands and its files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

__all__ = ["GENERATED"]

ROOT = Path(__file__).parents[2]
_SCHEMAS = {"program": "docs/program.schema.json", "profile": "hw_profiles/schema.json"}


def command_pages() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    from cli.main import app

    command = typer.main.get_command(app)
    told: str = get_docs_for_click(obj=command, ctx=typer.Context(command), name="expifref")
    return re.sub(r"^#", "##", told.split("\n", 1)[1], flags=re.MULTILINE).replace("\\[", "[")


def _cell(text: str) -> str:
    return text.replace("\\[", "[").replace("|", "\\|").replace("\n", " ")


def file_tables() -> str:
    """The fields of each kind of file that has a schema."""
    schemas = {name: json.loads((ROOT / path).read_text()) for name, path in _SCHEMAS.items()}
    return "\n\n".join(part for name, schema in schemas.items() for part in _schema(name, schema))


def _schema(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"## A {name}"
    yield f"`{_SCHEMAS[name]}` is its JSON schema."
    yield _fields(schema)
    for part, definition in sorted(schema.get("$defs", {}).items()):
        if "properties" in definition:
            yield f"### `{part}` of a {name}"
            yield _fields(definition)


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    lines = ["| field | holds | |", "|---|---|---|"]
    for field, what in schema.get("properties", {}).items():
        told = [what.get("description", ""), *(["may be missing"] if field not in required else [])]
        lines.append(f"| `{field}` | {_cell(_kind(what))} | {_cell('; '.join(filter(None, told)))} |")
    return "\n".join(lines)


def _kind(what: dict[str, Any]) -> str:
    """What a field holds, in words."""
    if "$ref" in what:
        return f"`{what['$ref'].rsplit('/', 1)[-1]}`"
    if "const" in what:
        return f"`{json.dumps(what['const'])}`"
    if "enum" in what:
        return " or ".join(f"`{json.dumps(value)}`" for value in what["enum"])
    for several in ("anyOf", "oneOf"):
        if several in what:
            return " or ".join(dict.fromkeys(map(_kind, what[several])))
    kind = what.get("type", "anything")
    if kind == "array":
        items = what.get("items") or {"type": "anything"}
        return f"list of {_kind(items)}" if isinstance(items, dict) else "list"
    if kind == "object" and isinstance(what.get("additionalProperties"), dict):
        return f"object of {_kind(what['additionalProperties'])}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


GENERATED = {"<!-- commands -->": command_pages, "<!-- files -->": file_tables}
"""What is made in the place of a mark."""
