"""What lies between the leaves as a list of affine operations, every other one refused by name and line."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, Literal

from expifref.exceptions import UnsupportedError

from .rules import MAXIMUM, MOVES, NESTED, is_affine
from .sources import OUTPUT, Forbidden, Origin, Source, shape_of
from .trace import Step

__all__ = ["Glue", "Operation", "Value", "glue_of"]

_TRACE = str(Path(__file__).with_name("trace.py"))
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib"))


@dataclass(frozen=True)
class Value:
    """A value of a step: its number, what it depends on (nothing: a constant), and why it is not affine."""

    number: int
    origins: frozenset[Origin] = frozenset()
    fault: str | None = None
    spikes: bool = False  # it is known to be made of 0 and 1


@dataclass(frozen=True)
class Operation:
    """A primitive, affine in its operands that are no constants; by the numbers of values."""

    primitive: Any
    params: dict[str, Any]
    operands: tuple[int, ...]
    results: tuple[int, ...]


@dataclass
class Glue:
    """The operations of a step in their order."""

    sources: dict[Source, int] = field(default_factory=dict)
    constants: dict[int, Any] = field(default_factory=dict)
    fixed: list[Operation] = field(default_factory=list)  # those that make constants out of constants
    operations: list[Operation] = field(default_factory=list)
    shapes: list[Any] = field(default_factory=list)  # and types, of all values by their numbers
    sinks: dict[str, Value] = field(default_factory=dict)
    added: dict[str, Value] = field(default_factory=dict)
    maxima: dict[str, Value] = field(default_factory=dict)
    """What is counted in the windows of each maximum of spikes, in their order."""

    def new(self, like: Any, origins: frozenset[Origin] = frozenset(), fault: str | None = None) -> Value:
        """A further value, which has the shape and type of `like`."""
        self.shapes.append(shape_of(like.shape, like.dtype))
        return Value(len(self.shapes) - 1, origins, fault)

    def source(self, source: Source, like: Any, spikes: bool) -> Value:
        """A further value, which comes from `source`."""
        value = replace(self.new(like, frozenset({source})), spikes=spikes)
        self.sources[source] = value.number
        return value

    def constant(self, array: Any) -> Value:
        """A further value that is known."""
        array = jnp.asarray(array)
        value = self.new(array)
        self.constants[value.number] = array
        return value


def glue_of(step: Step) -> Glue:
    """Check that a step is affine between its leaves.

    Raises:
        UnsupportedError: with the operation, its line and the leaf whose input it reaches.
    """
    glue = Glue()
    arguments = []
    for origin, variable in zip(step.arguments, step.jaxpr.invars, strict=True):
        if not isinstance(origin, Source | Forbidden):
            arguments.append(glue.constant(origin))
            continue
        if isinstance(origin, Source):
            arguments.append(glue.source(origin, variable.aval, origin.owner in step.spiking))
        else:
            arguments.append(glue.new(variable.aval, frozenset({origin})))
    constants = [glue.constant(array) for array in step.constants]
    results = _read(glue, step.jaxpr, constants, arguments)
    glue.sinks = dict(zip(step.sinks, results[: len(step.sinks)], strict=True))
    glue.added = dict(zip(step.added, results[len(step.sinks) :], strict=True))
    for path, value in glue.sinks.items():
        _check(value, "its output" if path == OUTPUT else f"the input of `{path}`")
    glue.sinks |= glue.maxima
    for path, value in glue.added.items():
        _check(value, f"what is added to the membrane of `{path}`")
    return glue


def _read(
    glue: Glue, jaxpr: Jaxpr, constants: Sequence[Value], arguments: Sequence[Value], around: str = ""
) -> list[Value]:
    """Go through the equations of a trace, which was called at the place `around`; gives its results."""
    known: dict[Any, Value] = dict(zip(jaxpr.constvars, constants, strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def value(atom: Any) -> Value:
        return glue.constant(atom.val) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        place = _place(equation.source_info) or around
        results = _results(glue, equation, [value(atom) for atom in equation.invars], place)
        known.update(zip(equation.outvars, results, strict=True))
    return [value(atom) for atom in jaxpr.outvars]


def _results(glue: Glue, equation: Any, operands: list[Value], place: str) -> list[Value]:
    name = equation.primitive.name
    origins = frozenset[Origin]().union(*(one.origins for one in operands))
    fault = next((one.fault for one in operands if one.fault is not None), None)
    if origins and fault is None and name in NESTED:
        inner = equation.params[NESTED[name]]
        constants = [glue.constant(array) for array in getattr(inner, "consts", ())]
        return _read(glue, getattr(inner, "jaxpr", inner), constants, operands, place)
    if origins and fault is None and name == MAXIMUM:
        return [_maximum(glue, equation, operands[0], place)]
    live = tuple(bool(one.origins) for one in operands)
    if origins and fault is None and not is_affine(name, equation.params, live):
        fault = f"`{name}` ({place})"
    results = [glue.new(variable.aval, origins, fault) for variable in equation.outvars]
    if name in MOVES and all(one.spikes for one in operands):
        results = [replace(one, spikes=True) for one in results]
    if fault is None:
        numbers = tuple(one.number for one in operands), tuple(one.number for one in results)
        operation = Operation(equation.primitive, equation.params, *numbers)
        (glue.operations if origins else glue.fixed).append(operation)
    return results


def _maximum(glue: Glue, equation: Any, operand: Value, place: str) -> Value:
    """The maxima of windows over spikes: a source of its own, into which goes how many there are in each."""
    (result,) = equation.outvars
    if not operand.spikes:
        what = f"`{MAXIMUM}` ({place}) of other values than spikes (pool behind the neurons, or by means)"
        return glue.new(result.aval, operand.origins, what)
    count = partial(
        jax.lax.reduce_window, init_value=0.0, computation=jax.lax.add, **_window(equation.params)
    )
    counted = jax.make_jaxpr(count)(glue.shapes[operand.number])
    constants = [glue.constant(array) for array in counted.consts]
    path = _scope(equation.source_info) or place
    while path in glue.maxima:
        path += "'"
    (glue.maxima[path],) = _read(glue, counted.jaxpr, constants, [operand])
    return glue.source(Source(path, 0), result.aval, True)


def _window(params: dict[str, Any]) -> dict[str, Any]:
    names = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")
    return {name: params[name] for name in names}


def _check(value: Value, what: str) -> None:
    for origin in sorted((one for one in value.origins if isinstance(one, Forbidden)), key=str):
        raise UnsupportedError(f"{what} {origin.reason}")
    if value.fault is not None:
        raise UnsupportedError(
            f"{what} must be an affine function of spikes, filtered spikes and the input, but {value.fault} "
            "is none"
        )


def _place(source_info: Any) -> str:
    """The innermost line of the user's own code that made an operation, and the module it is in."""
    frames = source_info.traceback.frames if source_info.traceback else []
    files = [frame.file_name for frame in frames]
    frames = frames[: files.index(_TRACE)] if _TRACE in files else frames
    own = [frame for frame in frames if not frame.file_name.startswith(_LIBRARIES)]
    scope = _scope(source_info)
    lines = [f"{Path(frame.file_name).name}:{frame.line_num}" for frame in own[:1]]
    return ", ".join([*lines, *([f"in `{scope}`"] if scope else [])])


def _scope(source_info: Any) -> str:
    """The path of the module in which an operation was made, empty for none."""
    return str(source_info.name_stack).rsplit("/", 1)[-1]
