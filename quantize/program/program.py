"""The integer program: a graph, and where it came from (docs/spec.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from expifref.files.texts import Digest, Line, Name, TextTree
from expifref.network.decision import SUM
from quantize.graph.layers import Graph
from quantize.graph.operations import CLOSED
from quantize.numbers.arrays import IntCube

__all__ = ["SPEC_VERSION", "Evidence", "Golden", "Program"]

SPEC_VERSION = "2"


@dataclass(frozen=True, eq=False)
class Golden:
    """An input and the SHA-256 of every signal it must produce (spec 7)."""

    __pydantic_config__: ClassVar = CLOSED

    spikes: IntCube  # [steps, batch, inputs]
    signals: dict[Name, Digest]


@dataclass(frozen=True)
class Evidence:
    """Where the program came from."""

    __pydantic_config__: ClassVar = CLOSED

    tool_version: Name
    model_sha256: Digest
    profile: TextTree  # the whole profile document that the program was lowered for
    notes: tuple[Line, ...] = ()

    @property
    def device(self) -> str:
        """The name of the profile."""
        return str(self.profile.get("name", "unknown"))


@dataclass(frozen=True, eq=False)
class Program:
    """A whole network over integers. The output of `graph.output` decides, by the rule `decision`."""

    __pydantic_config__: ClassVar = CLOSED
    absent_by_default: ClassVar = ("decision",)

    dt_seconds: float  # for people and for encoders; no arithmetic depends on it
    encoder: Name
    steps: int  # per sample in training; for people and for encoders
    graph: Graph
    evidence: Evidence
    golden: Golden | None = None
    decision: Name = SUM  # a rule of `expifref.network.decision`; for people, no arithmetic depends on it
    schema: Literal["expifref/program/2"] = "expifref/program/2"

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Names of all signals of a step, in the order they are told."""
        return tuple(self.graph.signal_units)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the values that a step reads from the step before."""
        return tuple(self.graph.state_units)

    @property
    def output_name(self) -> str:
        """The signal that `decision` makes an answer of."""
        return self.graph.output_signal
