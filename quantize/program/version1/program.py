"""Programs of version 1 as data: a list of layers of two kinds (docs/version1.md section 4).

Only files are read into them, and translated at once. Every dataclass is frozen and every array read-only;
vectors are int64, weights of the narrowest type. `neurons` is the width of a layer and `inputs` the width of
what feeds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from expifref.files.texts import Digest, Line, Name
from quantize.numbers.arrays import CodeArray, IntArray
from quantize.numbers.formats import Format, Quantizer, Rounding
from quantize.program.program import Evidence, Golden

__all__ = [
    "SCHEMA_1",
    "Dense",
    "Filter",
    "InputPort",
    "Layer",
    "NeuronUpdate",
    "Program1",
    "ReadoutLayer",
    "Rescale",
    "SpikingLayer",
    "Synapse",
    "Table",
    "TableDomain",
]

SCHEMA_1 = "expifref/program/1"

_CLOSED = {"extra": "forbid", "strict": True}
"""Read by pydantic when a file is parsed: unknown keys and converted types are refused."""


@dataclass(frozen=True, eq=False)
class Dense:
    """`accumulator = sum_i weight[i, j] * input[i]`, exact (spec 5.1)."""

    __pydantic_config__: ClassVar = _CLOSED

    weight: CodeArray  # [inputs, neurons], of the narrowest type, mapped where it is large
    weight_format: Format
    accumulator: Format  # proven wide enough; no overflow can happen


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

    def prefix(self, index: int) -> str:
        """First part of the names of its signals, as layer number `index`."""
        return f"layer{index}"

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

    def prefix(self, _index: int) -> str:
        """First part of the names of its signals: there is one readout."""
        return "readout"


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
class Program1:
    """A whole network over integers. The last layer's output decides: largest sum over all steps."""

    __pydantic_config__: ClassVar = _CLOSED

    dt_seconds: float  # for people and for encoders; no arithmetic depends on it
    input: InputPort
    layers: tuple[Layer, ...]
    evidence: Evidence
    golden: Golden | None = field(default=None)
    schema: Literal["expifref/program/1"] = "expifref/program/1"
