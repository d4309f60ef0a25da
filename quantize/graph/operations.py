"""The operations that a body is made of, as data (docs/spec.md, "Operations").

An operation computes one integer for every unit of its layer. `name` is what later operations and the layer
call its result, `of` names earlier results. What an operation means is said by the specification; each
interpreter (`quantize.run.emulator`, `quantize.graph.rules`, an exporter) has one function for it, found by
its class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from expifref.files.texts import Kind
from quantize.numbers.formats import Format, Overflow, Rounding

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "CLOSED",
    "IDENTIFIER",
    "OPERATIONS",
    "Add",
    "AtLeast",
    "Constant",
    "Feed",
    "Identifier",
    "Lookup",
    "Maximum",
    "Minimum",
    "Mul",
    "Operation",
    "Overflowed",
    "RoundShift",
    "Select",
    "ShiftLeft",
    "StateBefore",
    "Sub",
    "WrittenOperation",
]

CLOSED = {"extra": "forbid", "strict": True}
"""Read by pydantic when a file is parsed: unknown keys and converted types are refused."""

IDENTIFIER = Kind(
    "an identifier",
    "be 1 to 64 lower-case letters, digits or `_`, the first of them a letter",
    r"^[a-z][a-z0-9_]{0,63}$(?!\n)",
)
Identifier = Annotated[str, IDENTIFIER]
"""Of a layer, a state, a constant, a table, a signal or a result."""


@dataclass(frozen=True)
class Feed:
    """The accumulator of the layer's feed number `feed`."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    feed: int
    of: tuple[()] = ()
    op: Literal["feed"] = "feed"


@dataclass(frozen=True)
class StateBefore:
    """What `state` was after the step before."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    state: Identifier
    of: tuple[()] = ()
    op: Literal["state"] = "state"


@dataclass(frozen=True)
class Constant:
    """One value, or one per unit."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    constant: Identifier
    of: tuple[()] = ()
    op: Literal["constant"] = "constant"


@dataclass(frozen=True)
class _Binary:
    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier, Identifier]


@dataclass(frozen=True)
class Add(_Binary):
    """`a + b`, exact."""

    op: Literal["add"] = "add"


@dataclass(frozen=True)
class Sub(_Binary):
    """`a - b`, exact."""

    op: Literal["sub"] = "sub"


@dataclass(frozen=True)
class Mul(_Binary):
    """`a * b`, exact."""

    op: Literal["mul"] = "mul"


@dataclass(frozen=True)
class Minimum(_Binary):
    """The smaller of `a` and `b`."""

    op: Literal["minimum"] = "minimum"


@dataclass(frozen=True)
class Maximum(_Binary):
    """The larger of `a` and `b`."""

    op: Literal["maximum"] = "maximum"


@dataclass(frozen=True)
class AtLeast(_Binary):
    """1 where `a >= b`, else 0."""

    op: Literal["at_least"] = "at_least"


@dataclass(frozen=True)
class Select:
    """`a` where `c` is not 0, else `b`, of `(c, a, b)`."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier, Identifier, Identifier]
    op: Literal["select"] = "select"


@dataclass(frozen=True)
class ShiftLeft:
    """`a * 2**shift`, exact."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier]
    shift: int
    op: Literal["shift_left"] = "shift_left"


@dataclass(frozen=True)
class RoundShift:
    """`a / 2**shift`, brought to an integer by `rounding`."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier]
    shift: int
    rounding: Rounding
    op: Literal["round_shift"] = "round_shift"


@dataclass(frozen=True)
class Overflowed:
    """`a` brought into `format`: the only operation that may lose a value, counted where it does."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier]
    format: Format
    overflow: Overflow
    op: Literal["overflow"] = "overflow"


@dataclass(frozen=True)
class Lookup:
    """A table at `a`, linearly interpolated; of several tables the one that the constant `index` names."""

    __pydantic_config__: ClassVar = CLOSED

    name: Identifier
    of: tuple[Identifier]
    tables: tuple[Identifier, ...]
    index: Identifier | None = None
    op: Literal["lookup"] = "lookup"


Operation = (
    Feed
    | StateBefore
    | Constant
    | Add
    | Sub
    | Mul
    | Minimum
    | Maximum
    | AtLeast
    | Select
    | ShiftLeft
    | RoundShift
    | Overflowed
    | Lookup
)


class _ByOp:
    """Of an object in a file, its `op` alone says which operation it is."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        kinds = {kind.op: handler.generate_schema(kind) for kind in OPERATIONS}
        return core_schema.tagged_union_schema(kinds, "op")


WrittenOperation = Annotated[Operation, _ByOp]
"""An operation as files hold it."""

OPERATIONS: tuple[type[Any], ...] = (
    *(Feed, StateBefore, Constant, Add, Sub, Mul, Minimum, Maximum, AtLeast, Select),
    *(ShiftLeft, RoundShift, Overflowed, Lookup),
)
"""Every class of operation: a table of an interpreter is complete when it has these keys."""
