"""The deployment file of a program: what a loader needs, core by core, and nothing else (docs/deployment.md).

The weights are packed at the profile's word width; formats, tables, the body and what holds for all units are
said once per layer; values of single units lie with the slice of units that a core holds. A program can be
built back from the file alone, and every executor of that program is an executor of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Tag

from expifref.connections.windows import Window
from expifref.exceptions import FileFormatError
from expifref.files.texts import Digest, HexDigits, Name, shown
from expifref.network.decision import SUM
from quantize.graph.layers import Port, SegmentTable
from quantize.graph.operations import CLOSED, Identifier, WrittenOperation
from quantize.graph.vectors import Vector
from quantize.numbers.arrays import IntArray, Matrices, WordArray
from quantize.numbers.formats import Format
from quantize.program.sealed import from_document, read_document, rfc8785_form, save_document, to_document

__all__ = [
    "FAMILY",
    "SCHEMA",
    "Core",
    "CoreSlice",
    "DeployedConvolution",
    "DeployedFeed",
    "DeployedLayer",
    "Deployment",
    "Route",
    "deployment_from_json",
    "deployment_to_json",
    "load_deployment",
    "save_deployment",
]

SCHEMA = "expifref/deployment/2"

FAMILY = SCHEMA.rstrip("0123456789")
"""What the schemas of all versions begin with."""


def _row_form(value: object) -> str:
    return "hex" if isinstance(value, list | tuple) else "words"


WeightRows = Annotated[
    Annotated[tuple[HexDigits, ...], Tag("hex")] | Annotated[WordArray, Tag("words")],
    Discriminator(_row_form),
]
"""Each row as hex digits; where they are large, words `[rows, row_words]`."""


@dataclass(frozen=True, eq=False)
class DeployedFeed:
    """A feed without its weights, which lie with the slices."""

    __pydantic_config__: ClassVar = CLOSED

    source: Identifier
    delay: IntArray  # [1] or [source units]
    weight_format: Format
    accumulator: Format
    connection: Literal["dense"] = "dense"


@dataclass(frozen=True, eq=False)
class DeployedConvolution:
    """A feed whose kernel all units of its layer share."""

    __pydantic_config__: ClassVar = CLOSED

    source: Identifier
    delay: IntArray  # [1] or [source units]
    weight_format: Format
    accumulator: Format
    window: Window
    kernel_rows: WeightRows
    connection: Literal["convolution"] = "convolution"


AnyFeed = Annotated[DeployedFeed | DeployedConvolution, Discriminator("connection")]


@dataclass(frozen=True, eq=False)
class DeployedLayer:
    """What all units of a layer share."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    units: int
    feeds: tuple[AnyFeed, ...]
    constants: dict[Identifier, Vector]  # one value each; the others lie with the slices
    tables: dict[Identifier, SegmentTable]
    states: dict[Identifier, Format]
    initial: dict[Identifier, Vector]  # state -> one value; the others lie with the slices
    body: tuple[WrittenOperation, ...]
    next: dict[Identifier, Identifier]
    output: Identifier
    signals: dict[Identifier, Identifier]


@dataclass(frozen=True, eq=False)
class CoreSlice:
    """Units `start .. stop - 1` of a layer: what differs between them."""

    __pydantic_config__: ClassVar = CLOSED

    layer: Identifier
    start: int
    stop: int
    weight_rows: tuple[WeightRows, ...]  # of each feed, by source unit; of a convolution none
    constants: dict[Identifier, Vector]  # one value per unit
    initial: dict[Identifier, Vector]  # state -> one value per unit


@dataclass(frozen=True, eq=False)
class Core:
    """Everything that one core holds."""

    __pydantic_config__: ClassVar = CLOSED

    core: int
    memory_bytes: int
    slices: tuple[CoreSlice, ...]


@dataclass(frozen=True)
class Route:
    """What `source`, a layer or the input, puts out for `layer` goes to every one of `cores`."""

    __pydantic_config__: ClassVar = CLOSED

    source: Identifier
    layer: Identifier
    cores: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Deployment:
    """A program placed on one device."""

    __pydantic_config__: ClassVar = CLOSED
    absent_by_default: ClassVar = ("decision",)

    program: Digest  # of the program this was made from
    profile: Name
    profile_sha256: Digest
    dt_seconds: float
    encoder: Name
    steps: int
    word_bits: int
    input: Port
    layers: tuple[DeployedLayer, ...]
    cores: tuple[Core, ...]
    routes: tuple[Route, ...]
    output: Identifier  # the layer whose output `decision` makes an answer of
    decision: Name = SUM  # as the program states it
    schema: Literal["expifref/deployment/2"] = "expifref/deployment/2"


def deployment_to_json(deployment: Deployment, matrices: Matrices | None = None) -> dict[str, Any]:
    """The JSON object of `deployment`; its large matrices are added to `matrices`."""
    return to_document(Deployment, deployment, matrices, canonical=rfc8785_form)


def deployment_from_json(
    document: dict[str, Any], place: str, matrices: Matrices | None = None
) -> Deployment:
    """The deployment of `document` and of the `matrices` beside it; `place` names it in errors.

    Raises:
        FileFormatError: not a deployment of this version, damaged, or edited.
    """
    found = str(document.get("schema"))
    if found.startswith(FAMILY) and found != SCHEMA:
        raise FileFormatError(
            f"{place} must have the schema `{SCHEMA}`, not {shown(found)}: export it anew from its program"
        )
    return from_document(Deployment, document, SCHEMA, place, matrices, rfc8785_form)


def save_deployment(deployment: Deployment, path: Path) -> None:
    """Write `deployment` to `path`, whole or not at all, and large weights beside it."""
    save_document(Deployment, deployment, path, rfc8785_form)


def load_deployment(path: Path) -> Deployment:
    """Read the deployment at `path`; see `deployment_from_json` for what is refused."""
    document, matrices = read_document(path)
    return deployment_from_json(document, f"`{path}`", matrices)
