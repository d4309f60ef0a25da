"""The integer program: a list of layers over integers, as data (docs/spec.md section 4).

Every dataclass is frozen and every array read-only; vectors are int64, weights of the narrowest type.
`neurons` is the width of a layer and `inputs` the width of what feeds it. What the numbers do is said by the
specification alone; `quantize.emulator` is its plain reading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from expifref.texts import Digest, Line, Name, TextTree

from .arrays import CodeArray, IntArray, IntCube, column_sums, extremes
from .formats import Format, Quantizer, Rounding

if TYPE_CHECKING:
    from .graph.layers import Graph

__all__ = [
    "SPEC_VERSION",
    "Dense",
    "Evidence",
    "Filter",
    "Golden",
    "InputPort",
    "Layer",
    "NeuronUpdate",
    "Program",
    "ReadoutLayer",
    "Rescale",
    "SpikingLayer",
    "Synapse",
    "Table",
    "TableDomain",
]

SPEC_VERSION = "1"

_CLOSED = {"extra": "forbid", "strict": True}
"""Read by pydantic when a file is parsed: unknown keys and converted types are refused."""


@dataclass(frozen=True, eq=False)
class Dense:
    """`accumulator = sum_i weight[i, j] * input[i]`, exact (spec 5.1)."""

    __pydantic_config__: ClassVar = _CLOSED

    weight: CodeArray  # [inputs, neurons], of the narrowest type, mapped where it is large
    weight_format: Format
    accumulator: Format  # proven wide enough; no overflow can happen

    @cached_property
    def column_sums(self) -> tuple[list[int], list[int]]:
        """What each neuron's accumulator can reach below and above 0 with inputs of at most 1."""
        return column_sums(self.weight)

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """The least and the largest weight."""
        return extremes(self.weight)


@dataclass(frozen=True, eq=False)
class Rescale:
    """`requantize(accumulator * multiplier + bias, shift)` (spec 5.2)."""

    __pydantic_config__: ClassVar = _CLOSED

    multiplier: IntArray  # [neurons], at least 0
    bias: IntArray  # [neurons], at the scale of the product
    shift: int
    site: Quantizer


@dataclass(frozen=True, eq=False)
class Filter:
    """`y' = overflow(y - round_shift(y * decay, shift) + q)` (spec 5.3)."""

    __pydantic_config__: ClassVar = _CLOSED

    decay: IntArray  # [neurons], 0 .. 2**shift
    shift: int
    site: Quantizer


@dataclass(frozen=True, eq=False)
class Synapse:
    """An exponential synapse and the way from its state to the drive (spec 5.3)."""

    __pydantic_config__: ClassVar = _CLOSED

    filter: Filter
    offset: IntArray  # [neurons], added to the filter state, at its scale
    drive: Quantizer


@dataclass(frozen=True)
class TableDomain:
    """Membrane codes `start .. start + segments * 2**shift`, cut into equal segments (spec 5.4)."""

    __pydantic_config__: ClassVar = _CLOSED

    start: int
    shift: int
    segments: int

    @property
    def stop(self) -> int:
        """First membrane code right of the domain."""
        return self.start + (self.segments << self.shift)


@dataclass(frozen=True, eq=False)
class Table:
    """Values at the `segments + 1` segment ends, linearly interpolated (spec 5.4)."""

    __pydantic_config__: ClassVar = _CLOSED

    values: IntArray  # [segments + 1], at least 0
    format: Format
    rounding: Rounding
    function: Line  # what it tabulates, e.g. "exp(u)", for people
    max_error_lsb: float  # against that function over every code of the domain, in LSB of `format`
    sha256: Digest


@dataclass(frozen=True, eq=False)
class NeuronUpdate:
    """The ExpIFRef step in integers (spec 5.5)."""

    __pydantic_config__: ClassVar = _CLOSED

    membrane: Quantizer
    threshold: IntArray  # [neurons], membrane codes
    reset: IntArray  # [neurons]
    initial: IntArray  # [neurons]
    refractory_steps: IntArray  # [neurons]
    domain: TableDomain
    growth: Table  # exp(u), held where it would outgrow the sum
    gain: tuple[Table, ...]  # a * phi(a * (exp(u) - 1)), one for each distinct tau
    gain_index: IntArray  # [neurons], which gain table
    sum: Quantizer  # growth - u + drive; its rounding is never used


@dataclass(frozen=True, eq=False)
class SpikingLayer:
    """Dense -> rescale -> optional synapse -> ExpIFRef."""

    __pydantic_config__: ClassVar = _CLOSED

    name: Name
    dense: Dense
    rescale: Rescale
    synapse: Synapse | None
    neuron: NeuronUpdate
    kind: Literal["expif"] = "expif"

    @property
    def width(self) -> int:
        """Number of neurons."""
        return int(self.dense.weight.shape[1])

    @property
    def filter(self) -> Filter | None:
        """The synapse's filter, where there is one."""
        return None if self.synapse is None else self.synapse.filter

    @property
    def drive(self) -> Quantizer:
        """The site whose output drives the membrane."""
        return self.rescale.site if self.synapse is None else self.synapse.drive


@dataclass(frozen=True, eq=False)
class ReadoutLayer:
    """Dense -> rescale -> leaky integrator, whose state is the program's output."""

    __pydantic_config__: ClassVar = _CLOSED

    name: Name
    dense: Dense
    rescale: Rescale
    filter: Filter
    kind: Literal["readout"] = "readout"

    @property
    def width(self) -> int:
        """Number of classes."""
        return int(self.dense.weight.shape[1])


Layer = SpikingLayer | ReadoutLayer


@dataclass(frozen=True)
class InputPort:
    """Unsigned input values: 0 and 1 for spikes, 0 .. 2**bits - 1 for a direct current."""

    __pydantic_config__: ClassVar = _CLOSED

    channels: int
    bits: int
    encoder: Name
    steps: int = 1  # time steps per sample in training; for people and for encoders

    @property
    def hi(self) -> int:
        """Largest input value."""
        return (1 << self.bits) - 1


@dataclass(frozen=True, eq=False)
class Golden:
    """An input and the SHA-256 of every signal it must produce (spec 7)."""

    __pydantic_config__: ClassVar = _CLOSED

    spikes: IntCube  # [steps, batch, inputs]
    signals: dict[Name, Digest]


@dataclass(frozen=True)
class Evidence:
    """Where the program came from."""

    __pydantic_config__: ClassVar = _CLOSED

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
    """A whole network over integers. The last layer's output decides: largest sum over all steps."""

    __pydantic_config__: ClassVar = _CLOSED

    dt_seconds: float  # for people and for encoders; no arithmetic depends on it
    input: InputPort
    layers: tuple[Layer, ...]
    evidence: Evidence
    golden: Golden | None = field(default=None)
    schema: Literal["expifref/program/1"] = "expifref/program/1"

    @cached_property
    def graph(self) -> Graph:
        """The same arithmetic as a graph of layers whose bodies are lists of operations."""
        from .graph.version1 import graph_of

        return graph_of(self)

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Names of all signals of a step, in the order they are computed."""
        return tuple(name for i, layer in enumerate(self.layers) for name in layer_signals(i, layer))

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the signals that a step reads from the step before."""
        return tuple(name for i, layer in enumerate(self.layers) for name in layer_states(i, layer))

    @property
    def output_name(self) -> str:
        """The signal whose sum over steps is the prediction."""
        return self.signal_names[-1]


def layer_prefix(index: int, layer: Layer) -> str:
    """First part of the layer's signal names."""
    return "readout" if isinstance(layer, ReadoutLayer) else f"layer{index}"


def layer_signals(index: int, layer: Layer) -> tuple[str, ...]:
    """Signals of one layer, in the order they are computed."""
    prefix = layer_prefix(index, layer)
    if isinstance(layer, ReadoutLayer):
        return (f"{prefix}.accumulator", prefix)
    filtered = () if layer.synapse is None else ("filter",)
    kinds = ("accumulator", *filtered, "drive", "membrane", "refractory", "spikes")
    return tuple(f"{prefix}.{kind}" for kind in kinds)


def layer_states(index: int, layer: Layer) -> tuple[str, ...]:
    """Signals of one layer that persist from step to step."""
    prefix = layer_prefix(index, layer)
    if isinstance(layer, ReadoutLayer):
        return (prefix,)
    filtered = () if layer.synapse is None else ("filter",)
    return tuple(f"{prefix}.{kind}" for kind in (*filtered, "membrane", "refractory"))
