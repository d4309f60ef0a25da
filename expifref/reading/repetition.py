"""Whether calls of a step, one after the other, compute the same of what each of them is given.

All calls are one trace, and each value of it gets a number: equal numbers are equal operations of equally
numbered operands, with the arguments of all calls numbered alike. Nothing is compiled or run for it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import Jaxpr, Literal

__all__ = ["repeats"]

_GRADIENTS = ("jvp_jaxpr_fun", "jvp", "fwd_jaxpr_thunk", "bwd", "out_trees")
"""Parameters of operations that say nothing of their values, and are made anew by each call."""

_WRITTEN = (type(None), bool, int, float, complex, str, bytes, type, np.dtype, np.generic, Enum)
"""Types whose text tells everything of a value."""


def repeats(step: Callable[..., Any], arguments: Any, calls: int) -> bool:
    """Whether all of `calls` calls do the same, each with what it is given alone.

    False also where they might: where a function of the host is called, whose doings are not in a trace, or
    a jitted one that is not inlined.
    """
    traced, given_back = jax.make_jaxpr(lambda given: [step(*one) for one in given], return_shape=True)(
        [arguments] * calls
    )
    if traced.jaxpr.effects or len({jax.tree.structure(one) for one in given_back}) > 1:
        return False
    each = len(traced.jaxpr.invars) // calls
    inputs = [_Value(("argument", index % each), frozenset({index // each})) for index in range(calls * each)]
    results = _Numbers().results(traced.jaxpr, traced.consts, inputs)
    size = len(results) // calls
    parts = [results[call * size : (call + 1) * size] for call in range(calls)]
    alone = all(one.calls <= {call} for call, part in enumerate(parts) for one in part)
    return alone and all([one.form for one in part] == [one.form for one in parts[0]] for part in parts)


class _Value(NamedTuple):
    """What a value is, and the calls whose arguments it depends on."""

    form: Hashable
    calls: frozenset[int]


@dataclass
class _Numbers:
    """Numbers of operations by what they are."""

    known: dict[Hashable, int] = field(default_factory=dict)

    def results(self, jaxpr: Jaxpr, constants: Sequence[Any], inputs: Sequence[_Value]) -> list[_Value]:
        """What comes out of `jaxpr`."""
        found: dict[Any, _Value] = dict(zip(jaxpr.invars, inputs, strict=True))
        found |= {name: _constant(value) for name, value in zip(jaxpr.constvars, constants, strict=True)}

        def value(atom: Any) -> _Value:
            return _constant(atom.val) if isinstance(atom, Literal) else found[atom]

        for equation in jaxpr.eqns:
            operands = [value(atom) for atom in equation.invars]
            calls = frozenset[int]().union(*(one.calls for one in operands))
            params = (
                (name, self._parameter(part))
                for name, part in sorted(equation.params.items())
                if name not in _GRADIENTS
            )
            # Not by its name, which users' own operations may share.
            key = (equation.primitive, *params, *(one.form for one in operands))
            number = self.known.setdefault(key, len(self.known))
            for index, result in enumerate(equation.outvars):
                found[result] = _Value((number, index), calls)
        return [value(atom) for atom in jaxpr.outvars]

    def _parameter(self, part: Any) -> Hashable:
        """A parameter of an operation: a function by what comes out of it, anything else as it is written.

        What may hold more than its text tells, such as a function of the host, is like nothing else.
        """
        if isinstance(part, tuple | list):
            return tuple(self._parameter(one) for one in part)
        if isinstance(part, np.ndarray | jax.Array):  # the text of a long one leaves most of it out
            return _constant(part).form
        inner = getattr(part, "jaxpr", part)  # of one that holds constants, a class of its own in older JAX
        if isinstance(inner, Jaxpr):
            return self._function(inner, getattr(part, "consts", ()))
        return (type(part), repr(part)) if isinstance(part, _WRITTEN) else object()

    def _function(self, jaxpr: Jaxpr, constants: Sequence[Any]) -> Hashable:
        inputs = [_Value(("operand", index), frozenset()) for index in range(len(jaxpr.invars))]
        return tuple(one.form for one in self.results(jaxpr, constants, inputs))


def _constant(value: Any) -> _Value:
    if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        # Such as a key of random numbers, which shows no bytes.
        return _Value(object(), frozenset())
    array = np.asarray(value)
    return _Value((array.dtype, array.shape, array.tobytes()), frozenset())
