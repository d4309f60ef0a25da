"""A pipeline written down as expressions per stage; the registers between them follow by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.emitter import Emitter
from quantize.numbers.intervals import Interval

from .text import comment
from .values import Value, declaration, flag

__all__ = ["Pipeline", "Product"]


@dataclass(frozen=True)
class Product:
    """A product and its factors, as they stand in a pipeline."""

    result: Value
    factors: tuple[Value, Value]


@dataclass
class _Stage:
    title: str = ""
    registers: list[tuple[Value, str]] = field(default_factory=list)
    wires: list[tuple[str, str, str, str]] = field(default_factory=list)  # declaration, name, text, note
    memories: str = ""


@dataclass
class Pipeline:
    """Stage `n` holds what is known `n` clocks after the inputs: registers first, then wires."""

    products: list[Product] = field(default_factory=list)
    _stages: dict[int, _Stage] = field(default_factory=dict)
    _delayed: dict[tuple[str, int], Value] = field(default_factory=dict)

    def title(self, stage: int, text: str) -> None:
        """Name one more thing that a stage does."""
        before = self._stage(stage).title
        self._stage(stage).title = f"{before}, {text}" if before else text

    def wire(self, name: str, stage: int, interval: Interval, expression: str, note: str = "") -> Value:
        """A combinational signal of `stage`."""
        value = Value(name, interval, stage)
        self._stage(stage).wires.append((declaration(value), name, expression, note))
        return value

    def flag(self, name: str, stage: int, expression: str) -> Value:
        """A combinational signal of one bit."""
        value = flag(name, stage)
        self._stage(stage).wires.append((declaration(value), name, expression, ""))
        return value

    def bits(self, name: str, stage: int, width: int, expression: str) -> None:
        """A combinational word of `stage` that is no number: an address."""
        self._stage(stage).wires.append((f"logic [{width - 1}:0] {name}", name, expression, ""))

    def insert(self, stage: int, memory: str) -> None:
        """Lines at the start of `stage`: a memory that is read between it and the stage before."""
        self._stage(stage).memories += memory

    def number(self, value: Value) -> Value:
        """`value` as a signed number also where it is a flag."""
        if not value.is_flag or value.stage is None:
            return value
        name = f"{value.name}_NUMBER"
        if (name, value.stage) not in self._delayed:
            wire = self.wire(name, value.stage, value.interval, f"{{1'b0, {value.name}}}")
            self._delayed[name, value.stage] = wire
        return self._delayed[name, value.stage]

    def at(self, value: Value, stage: int) -> Value:
        """`value` delayed to `stage`; registers are shared by all who ask."""
        if value.stage is None or value.stage == stage:
            return value
        if value.stage > stage:
            raise ValueError(f"`{value.name}` must be known at stage {stage}, not at {value.stage} only")
        root = value.root or value.name
        if (root, stage) not in self._delayed:
            before = self.at(value, stage - 1)
            delayed = Value(f"{root}_S{stage}", value.interval, stage, value.is_flag, root)
            self._stage(stage).registers.append((delayed, before.name))
            self._delayed[root, stage] = delayed
        return self._delayed[root, stage]

    def write(self, e: Emitter) -> None:
        """All stages in order, one `always_ff` each."""
        for number, stage in sorted(self._stages.items()):
            if not (stage.registers or stage.wires or stage.memories):
                continue
            e(comment(f"Stage {number}{': ' + stage.title if stage.title else ''}"))
            for line in stage.memories.splitlines():
                e(line)
            for value, _ in stage.registers:
                e(f"{declaration(value)};")
            if stage.registers:
                e("always_ff @(posedge clk) begin")
                with e.indent():
                    for value, source in stage.registers:
                        e(f"{value.name} <= {source};")
                e("end")
            for declared, name, expression, note in stage.wires:
                e(f"{declared};{'  ' + comment(note) if note else ''}")
                e(f"assign {name} = {expression};")
            e()

    def _stage(self, number: int) -> _Stage:
        return self._stages.setdefault(number, _Stage())
