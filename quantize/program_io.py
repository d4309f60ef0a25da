"""Reading and writing programs as JSON (docs/spec.md section 7)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from expifref.files import read_json, write_text

from .program import Program
from .ranges import prove
from .sealed import from_document, to_document

__all__ = ["SCHEMA", "digest", "load_program", "program_from_json", "program_to_json", "save_program"]

SCHEMA = "expifref/program/1"


def program_to_json(program: Program) -> dict[str, Any]:
    """The sealed JSON object of `program`."""
    return to_document(Program, program)


def program_from_json(document: dict[str, Any], place: str) -> Program:
    """Check and build the program of `document`; `place` names it in errors.

    Raises:
        FileFormatError: another schema, a wrong digest, or a field that breaks its rule.
        ParameterError: a format or a shape that no program can have.
        RangeError: its widths cannot be proven.
    """
    program = from_document(Program, document, SCHEMA, place)
    prove(program)
    return program


def digest(program: Program) -> str:
    """The digest that identifies `program`."""
    return str(program_to_json(program)["digest"])


def save_program(program: Program, path: Path) -> None:
    """Write `program` to `path`, whole or not at all."""
    write_text(path, json.dumps(program_to_json(program), indent=1) + "\n")


def load_program(path: Path) -> Program:
    """Read the program at `path`; see `program_from_json` for what is refused."""
    return program_from_json(read_json(path), f"`{path}`")
