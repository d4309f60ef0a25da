"""What the operations of one layer look at while they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantize.graph.layers import UnitLayer
from quantize.graph.operations import Operation
from quantize.graph.proof import Proven
from quantize.numbers.formats import Overflow
from quantize.numbers.intervals import Interval

from .builder import INT32, GraphBuilder
from .primitives import WIDE
from .values import Value, as_kind, word

__all__ = ["Scope"]


@dataclass
class Scope:
    """One layer within a step. Names within it have slashes; those of signals and states have none."""

    builder: GraphBuilder
    layer: UnitLayer
    body: Sequence[Operation]  # what is needed of its body
    proven: Mapping[str, Proven]
    accumulators: Mapping[int, Value]
    states: Mapping[str, Value]  # before the step
    results: dict[str, Value] = field(default_factory=dict)

    def place(self, result: str) -> str:
        """What the tensor of `result` is called."""
        return f"{self.layer.name}/body/{result}"

    def word(self, operation: Any, *more: Interval) -> int:
        """The type in which `operation` is computed, if it also forms `more`."""
        operands = (self.proven[name].interval for name in operation.of)
        return word(self.proven[operation.name].formed, *operands, *more)

    def of(self, operation: Any, kind: int) -> list[str]:
        """The operands, as tensors of the type `kind`."""
        return [as_kind(self.builder, self.results[name], kind) for name in operation.of]

    def node(self, operator: str, operation: Any, inputs: Sequence[str], kind: int) -> Value:
        """The result of `operation` as that of a standard operator."""
        return Value(self.builder.node(operator, inputs, self.place(operation.name)), kind)

    def call(self, function: str, operation: Any, inputs: Sequence[str], kind: int, **numbers: int) -> Value:
        """The result of `operation` as that of a function of `exporters.onnx.primitives`."""
        return Value(self.builder.call(function, inputs, self.place(operation.name), **numbers), kind)

    def saturated(self, source: str, output: str, bounds: Interval, kind: int) -> str:
        """`source`, of the type `kind`, brought into `bounds`."""
        function = f"Overflow_{Overflow.SAT.value}{'' if kind == INT32 else WIDE}"
        return self.builder.call(function, [source], output, lo=bounds.lo, hi=bounds.hi)
