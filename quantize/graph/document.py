"""Programs of version 2 as files (docs/operations.md, section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from expifref.exceptions import FileFormatError, ParameterError
from expifref.texts import Name, listed
from hw_profiles import parse_profile
from quantize.arrays import Matrices
from quantize.formats import MAX_BITS
from quantize.program import Evidence, Golden
from quantize.sealed import from_document, read_document, save_document, to_document
from quantize.tables import table_sha256

from .layers import Graph
from .operations import CLOSED, Lookup
from .proof import prove_graph

__all__ = [
    "SCHEMA",
    "GraphProgram",
    "canonical_form",
    "graph_program_from_json",
    "graph_program_to_json",
    "load_graph_program",
    "save_graph_program",
]

SCHEMA = "expifref/program/2"

_MAX_INPUT_BITS = 8
"""Inputs travel as uint8 in files, models and on wires."""


@dataclass(frozen=True, eq=False)
class GraphProgram:
    """A graph, and where it came from."""

    __pydantic_config__: ClassVar = CLOSED

    dt_seconds: float  # for people and for encoders; no arithmetic depends on it
    encoder: Name
    steps: int  # per sample in training; for people and for encoders
    graph: Graph
    evidence: Evidence
    golden: Golden | None = None
    schema: Literal["expifref/program/2"] = "expifref/program/2"


def graph_program_to_json(program: GraphProgram, matrices: Matrices | None = None) -> dict[str, Any]:
    """The JSON object of `program`; its large matrices are added to `matrices`."""
    return to_document(GraphProgram, program, matrices, canonical=canonical_form)


def graph_program_from_json(
    document: dict[str, Any], place: str = "the program", matrices: Matrices | None = None
) -> GraphProgram:
    """Read and prove a program from its JSON object; `place` names it in errors.

    Raises:
        FileFormatError: another schema, a wrong digest, or a field that breaks its rule.
        ParameterError: a graph that no program can have.
        RangeError: its widths cannot be proven.
    """
    program = from_document(GraphProgram, document, SCHEMA, place, matrices, canonical_form)
    _check_input(program.graph)
    _check_tables(program.graph, place)
    prove_graph(program.graph, _product_bits(program))
    _check_profile(program)
    _check_golden(program, place)
    return program


def save_graph_program(program: GraphProgram, path: Path) -> None:
    """Write `program` to `path`, whole or not at all, and large weights beside it."""
    save_document(GraphProgram, program, path, canonical_form)


def load_graph_program(path: Path) -> GraphProgram:
    """Read the program at `path`; see `graph_program_from_json` for what is refused."""
    document, matrices = read_document(path)
    return graph_program_from_json(document, f"`{path}`", matrices)


def canonical_form(document: dict[str, Any]) -> bytes:
    """What a digest is made of; raises ValueError for a number that RFC 8785 has no form for."""
    import rfc8785

    try:
        return rfc8785.dumps(document)
    except rfc8785.CanonicalizationError as error:
        raise ValueError(str(error)) from None


def _arithmetic(program: GraphProgram) -> Any:
    if not program.evidence.profile:
        return None
    return parse_profile(program.evidence.profile, "the profile in the program").arithmetic


def _product_bits(program: GraphProgram) -> int:
    arithmetic = _arithmetic(program)
    return MAX_BITS if arithmetic is None else int(arithmetic.product_bits)


def _check_profile(program: GraphProgram) -> None:
    arithmetic = _arithmetic(program)
    if arithmetic is None:
        return
    for layer in program.graph.layers:
        for operation in layer.body:
            if isinstance(operation, Lookup) and len(operation.tables) > arithmetic.tau_tables:
                raise ParameterError(
                    f"`{layer.name}.{operation.name}` must have at most {arithmetic.tau_tables} tables, as "
                    f"the profile of the program says, not {len(operation.tables)}"
                )


def _check_input(graph: Graph) -> None:
    fmt = graph.input.format
    if fmt.signed or fmt.bits > _MAX_INPUT_BITS:
        raise ParameterError(f"`input.format` must be unsigned with 1 to {_MAX_INPUT_BITS} bits, not {fmt}")


def _check_tables(graph: Graph, place: str) -> None:
    for layer in graph.layers:
        for name, table in layer.tables.items():
            if table.sha256 != table_sha256(table.values):
                raise FileFormatError(
                    f"{place} must hold the tables that it was made with, but the values of "
                    f"`{layer.name}.{name}` do not have the hash it states"
                )


def _check_golden(program: GraphProgram, place: str) -> None:
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
