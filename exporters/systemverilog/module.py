"""The frame of a module: its name, comment, ports, body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from exporters.emitter import Emitter

from .text import comment
from .values import Value, declaration

__all__ = ["RESET", "Module", "connect", "input_port", "module", "output_port"]


RESET = "input  logic rst"
"""The port of a synchronous reset."""


@dataclass
class Module:
    """A module and what it is called."""

    name: str
    text: Emitter = field(default_factory=Emitter)

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name}.sv"


def input_port(value: Value) -> str:
    """A port that carries `value` in."""
    return f"input  {declaration(value)}"


def output_port(value: Value) -> str:
    """A port that carries `value` out."""
    return f"output {declaration(value)}"


@contextmanager
def module(e: Emitter, name: str, ports: Sequence[str], notes: Sequence[str]) -> Iterator[None]:
    """A module with a clock and `ports`, under a comment of `notes`."""
    for note in notes:
        e(comment(note))
    e(f"module {name} (")
    with e.indent():
        every = ["input  logic clk", *ports]
        for port in every[:-1]:
            e(f"{port},")
        e(every[-1])
    e(");")
    with e.indent():
        yield
    e("endmodule")


def connect(e: Emitter, kind: str, name: str, wires: Sequence[tuple[str, str]]) -> None:
    """An instance; ports that are connected to a signal of their own name are written short."""
    e(f"{kind} {name} (")
    with e.indent():
        every = [("clk", "clk"), *wires]
        for port, signal in every[:-1]:
            e(f".{port}({signal}),")
        e(f".{every[-1][0]}({every[-1][1]})")
    e(");")
