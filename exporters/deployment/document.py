"""The deployment file of a program: what a loader needs, core by core, and nothing else (docs/deployment.md).

The weights are packed at the profile's word width; formats, tables and rescaling are said once per layer;
per-neuron constants lie with the slice of neurons that a core holds. A program can be built back from the
file alone, and every executor of that program is an executor of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Tag

from expifref.texts import Digest, HexDigits, Name
from quantize.arrays import IntArray, WordArray
from quantize.formats import Format, Quantizer
from quantize.program import InputPort, Table, TableDomain
from quantize.sealed import from_document, read_document, save_document

__all__ = [
    "SCHEMA",
    "Core",
    "CoreSlice",
    "DeployedLayer",
    "DeployedNeuron",
    "Deployment",
    "Route",
    "load_deployment",
    "save_deployment",
]

SCHEMA = "expifref/deployment/1"
_CLOSED = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, eq=False)
class DeployedNeuron:
    """What all ExpIFRef neurons of a layer share (spec 5.4, 5.5)."""

    __pydantic_config__: ClassVar = _CLOSED

    drive: Quantizer
    membrane: Quantizer
    sum: Quantizer
    domain: TableDomain
    growth: Table
    gain: tuple[Table, ...]


@dataclass(frozen=True, eq=False)
class DeployedLayer:
    """What all neurons of a layer share."""

    __pydantic_config__: ClassVar = _CLOSED

    name: Name
    kind: Literal["expif", "readout"]
    inputs: int
    neurons: int
    weight: Format
    accumulator: Format
    rescale_shift: int
    rescale: Quantizer
    filter_shift: int | None
    filter: Quantizer | None
    neuron: DeployedNeuron | None


def _row_form(value: object) -> str:
    return "hex" if isinstance(value, list | tuple) else "words"


WeightRows = Annotated[
    Annotated[tuple[HexDigits, ...], Tag("hex")] | Annotated[WordArray, Tag("words")],
    Discriminator(_row_form),
]
"""Rows of hex digits; where they are large, a matrix of words `[inputs, row_words]` in a file beside."""


@dataclass(frozen=True, eq=False)
class CoreSlice:
    """Neurons `start .. stop - 1` of a layer: one row of packed weights per input, and their constants."""

    __pydantic_config__: ClassVar = _CLOSED

    layer: int
    start: int
    stop: int
    weight_rows: WeightRows
    constants: dict[Name, IntArray]  # name -> one value per neuron


@dataclass(frozen=True, eq=False)
class Core:
    """Everything that one core holds."""

    __pydantic_config__: ClassVar = _CLOSED

    core: int
    memory_bytes: int
    slices: tuple[CoreSlice, ...]


@dataclass(frozen=True)
class Route:
    """Events of `source` go to every one of `cores`; a `None` layer is the input."""

    __pydantic_config__: ClassVar = _CLOSED

    source: int | None
    layer: int
    cores: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Deployment:
    """A program placed on one device."""

    __pydantic_config__: ClassVar = _CLOSED

    program: Digest  # of the program this was made from
    profile: Name
    profile_sha256: Digest
    dt_seconds: float
    word_bits: int
    input: InputPort
    layers: tuple[DeployedLayer, ...]
    cores: tuple[Core, ...]
    routes: tuple[Route, ...]
    output_layer: int  # the prediction is the largest sum over steps of this layer's output
    schema: Literal["expifref/deployment/1"] = "expifref/deployment/1"


def save_deployment(deployment: Deployment, path: Path) -> None:
    """Write `deployment` to `path`, whole or not at all, and large weights beside it."""
    save_document(Deployment, deployment, path)


def load_deployment(path: Path) -> Deployment:
    """Read the deployment at `path`.

    Raises:
        FileFormatError: not a deployment of this version, damaged, or edited.
    """
    document, matrices = read_document(path)
    return from_document(Deployment, document, SCHEMA, f"`{path}`", matrices)
