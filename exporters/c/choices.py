"""Choices in C: the condition of each kind, and as an expression."""

from __future__ import annotations

from quantize.graph.operations import AtLeast, Select

from .fusions import Excess, SelectAtLeast
from .statements import Expression, Statements
from .words import INT32, widest

__all__ = ["at_least", "choice", "condition", "excess"]

Choice = Select | SelectAtLeast
"""The last two operands are chosen from."""


def condition(operation: Choice, statements: Statements) -> str:
    """Whether `operation` takes the first of the two."""
    values = [statements.values[name] for name in operation.of[:-2]]
    return _comparison(*values) if isinstance(operation, SelectAtLeast) else f"{values[0].text} != 0"


def choice(operation: Choice, statements: Statements) -> Expression:
    """Either value."""
    *_, a, b = statements.of(operation)
    return Expression(f"({condition(operation, statements)}) ? {a.text} : {b.text}", widest(a.word, b.word))


def at_least(operation: AtLeast, statements: Statements) -> Expression:
    """1 or 0."""
    a, b = statements.of(operation)
    return Expression(f"({_comparison(a, b)}) ? 1 : 0", INT32)


def excess(operation: Excess, statements: Statements) -> Expression:
    """A difference, or 0."""
    a, b = statements.of(operation)
    word = widest(statements.kept(operation.name), a.word, b.word)
    return Expression(f"({_comparison(a, b)}) ? ({a.text} - {b.text}) : 0", word)


def _comparison(a: Expression, b: Expression) -> str:
    # Compilers warn of what is compared with itself.
    return f"{a.text} >= {b.text}" if a != b else f"({a.text} - {b.text}) >= 0"
