"""Programs as files: those of version 2 are written, those of version 1 are read as well (docs/spec.md 7)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from expifref.encoders import MAX_STEPS
from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.texts import listed
from expifref.network.decision import check_rule
from hw_profiles import Arithmetic, parse_profile
from quantize.graph.layers import Convolution, Graph
from quantize.graph.operations import OPERATIONS, Lookup
from quantize.graph.proof import prove_graph
from quantize.numbers.arrays import Matrices
from quantize.numbers.formats import MAX_BITS
from quantize.tables.design import table_sha256

from .program import Program
from .sealed import document_schema, from_document, read_document, rfc8785_form, save_document, to_document
from .version1.program import SCHEMA_1, Program1
from .version1.translation import translated

__all__ = [
    "SCHEMA",
    "check_program",
    "digest",
    "load_program",
    "program_from_json",
    "program_schema",
    "program_to_json",
    "save_program",
]

SCHEMA = "expifref/program/2"

_MAX_INPUT_BITS = 8
"""Inputs travel as bytes in files, models and on wires."""


def program_to_json(program: Program) -> dict[str, Any]:
    """The sealed JSON object of `program`, in which large matrices are their hashes."""
    return to_document(Program, program, canonical=rfc8785_form)


def program_from_json(document: dict[str, Any], place: str, matrices: Matrices | None = None) -> Program:
    """Read and prove a program from its JSON object and the `matrices` beside it; `place` names it in errors.

    Raises:
        FileFormatError: another schema, a wrong digest, or a field that breaks its rule.
        ParameterError: a graph that no program can have.
        RangeError: its widths cannot be proven.
    """
    if document.get("schema") == SCHEMA_1:
        program = translated(from_document(Program1, document, SCHEMA_1, place, matrices))
    else:
        program = from_document(Program, document, SCHEMA, place, matrices, rfc8785_form)
    check_program(program, place)
    return program


def check_program(program: Program, place: str) -> None:
    """Prove `program` and what it says of itself; raises as `program_from_json` does."""
    _check_facts(program)
    _check_tables(program.graph, place)
    arithmetic = _arithmetic(program)
    prove_graph(program.graph, MAX_BITS if arithmetic is None else arithmetic.product_bits)
    if arithmetic is not None:
        _check_lookups(program.graph, arithmetic)
    _check_golden(program, place)


def program_schema() -> dict[str, Any]:
    """The form of the JSON object of a program, as JSON Schema: docs/program.schema.json."""
    schema = document_schema(Program)
    schema["required"].append("schema")
    # Of some versions of pydantic these are docstrings: no part of the form.
    for part in (schema, *schema["$defs"].values()):
        part.pop("description", None)
    # The reader chooses an operation by its `op`, which therefore has no default there.
    for operation in OPERATIONS:
        schema["$defs"][operation.__name__]["required"].append("op")
    # Without a `connection` it is a dense one.
    schema["$defs"][Convolution.__name__]["required"].append("connection")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": SCHEMA} | schema


def digest(program: Program) -> str:
    """The digest that identifies `program`."""
    return str(program_to_json(program)["digest"])


def save_program(program: Program, path: Path) -> None:
    """Write `program` to `path`, whole or not at all, and large weights beside it."""
    save_document(Program, program, path, rfc8785_form)


def load_program(path: Path) -> Program:
    """Read the program at `path`; see `program_from_json` for what is refused."""
    document, matrices = read_document(path)
    return program_from_json(document, f"`{path}`", matrices)


def _arithmetic(program: Program) -> Arithmetic | None:
    """That of the profile, where the program says for which it was made."""
    if not program.evidence.profile:
        return None
    return parse_profile(program.evidence.profile, "the profile in the program").arithmetic


def _check_lookups(graph: Graph, arithmetic: Arithmetic) -> None:
    for layer in graph.layers:
        for operation in layer.body:
            if isinstance(operation, Lookup) and len(operation.tables) > arithmetic.tau_tables:
                raise ParameterError(
                    f"`{layer.name}.{operation.name}` must have at most {arithmetic.tau_tables} tables, as "
                    f"the profile of the program says, not {len(operation.tables)}"
                )


def _check_facts(program: Program) -> None:
    graph, fmt = program.graph, program.graph.input.format
    if not 1 + fmt.signed <= fmt.bits <= _MAX_INPUT_BITS:
        raise ParameterError(
            f"`input.format` must have 1 to {_MAX_INPUT_BITS} bits, or 2 to {_MAX_INPUT_BITS} with a sign, "
            f"not {fmt}"
        )
    if not 0 < program.dt_seconds < math.inf:
        raise ParameterError(f"`dt_seconds` must be above 0 and finite, not {program.dt_seconds:g}")
    if not 1 <= program.steps <= MAX_STEPS:
        raise ParameterError(f"`steps` must lie in 1..{MAX_STEPS}, not be {program.steps}")
    check_rule(program.decision)
    layer = graph.by_name.get(graph.output)
    if layer is not None and layer.output not in layer.signals.values():
        raise ParameterError(
            f"the output of `{layer.name}`, which is the program's, must be one of its signals"
        )


def _check_tables(graph: Graph, place: str) -> None:
    for layer in graph.layers:
        for name, table in layer.tables.items():
            if table.sha256 != table_sha256(table.values):
                raise FileFormatError(
                    f"{place} must hold the tables that it was made with, but the values of "
                    f"`{layer.name}.{name}` do not have the hash it states"
                )


def _check_golden(program: Program, place: str) -> None:
    golden, graph = program.golden, program.graph
    if golden is None:
        return
    if golden.signals.keys() != graph.signal_units.keys():
        raise FileFormatError(
            f"`golden` of {place} must name every signal of the program and nothing else, but differs in "
            f"{listed(golden.signals.keys() ^ graph.signal_units.keys())}"
        )
    shape = golden.spikes.shape
    if len(shape) != 3 or 0 in shape or shape[2] != graph.input.channels:
        raise FileFormatError(
            f"`golden.spikes` of {place} must have the shape [steps, batch, {graph.input.channels}], "
            f"not {list(shape)}"
        )
