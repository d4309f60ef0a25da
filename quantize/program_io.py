"""Reading and writing programs as JSON (docs/spec.md section 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from expifref.exceptions import FileFormatError, ParameterError
from expifref.texts import short
from hw_profiles import parse_profile

from .arrays import Matrices
from .program import Program, SpikingLayer
from .ranges import prove
from .sealed import from_document, read_document, save_document, to_document
from .tables import table_sha256

__all__ = ["SCHEMA", "digest", "load_program", "program_from_json", "program_to_json", "save_program"]

SCHEMA = "expifref/program/1"


def program_to_json(program: Program) -> dict[str, Any]:
    """The sealed JSON object of `program`, in which large matrices are their hashes."""
    return to_document(Program, program)


def program_from_json(document: dict[str, Any], place: str, matrices: Matrices | None = None) -> Program:
    """Check and build the program of `document` and of the `matrices` beside it; `place` names it in errors.

    Raises:
        FileFormatError: another schema, a wrong digest, or a field that breaks its rule.
        ParameterError: a format or a shape that no program can have.
        RangeError: its widths cannot be proven.
    """
    program = from_document(Program, document, SCHEMA, place, matrices)
    _check_profile(program)
    _check_tables(program, place)
    prove(program)
    return program


def _check_profile(program: Program) -> None:
    """The profile that the program says it was lowered for, where it says so: a whole one, and kept to."""
    if not program.evidence.profile:
        return
    arithmetic = parse_profile(program.evidence.profile, "the profile in the program").arithmetic
    for layer in program.layers:
        tables = len(layer.neuron.gain) if isinstance(layer, SpikingLayer) else 0
        if arithmetic is not None and tables > arithmetic.tau_tables:
            raise ParameterError(
                f"`{layer.name}` must have at most {arithmetic.tau_tables} gain tables, as the profile of "
                f"the program says, not {tables}"
            )


def _check_tables(program: Program, place: str) -> None:
    for layer in program.layers:
        for table in (layer.neuron.growth, *layer.neuron.gain) if isinstance(layer, SpikingLayer) else ():
            if table.sha256 != table_sha256(table.values):
                raise FileFormatError(
                    f"{place} must hold the tables that it was made with, but the values of "
                    f"`{short(table.function)}` in layer `{layer.name}` do not have the hash it states"
                )


def digest(program: Program) -> str:
    """The digest that identifies `program`."""
    return str(program_to_json(program)["digest"])


def save_program(program: Program, path: Path) -> None:
    """Write `program` to `path`, whole or not at all, and large weights beside it."""
    save_document(Program, program, path)


def load_program(path: Path) -> Program:
    """Read the program at `path`; see `program_from_json` for what is refused."""
    document, matrices = read_document(path)
    return program_from_json(document, f"`{path}`", matrices)
