"""The glue as numbers: for every sink a bias, and a matrix for every source it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ParameterError, UnsupportedError

from .algebra import Affine
from .glue import Glue, Operation
from .rules import ONE_BY_ONE, sums
from .sources import Source

__all__ = ["affine_maps"]

Floats = NDArray[np.float64]
Arrays = Mapping[int, Any]

_MOST_ENTRIES = 1 << 28  # of a matrix: 2 GiB
_BLOCK = 1 << 24  # values of one operation at a time
_EXACTLY = {"xla_allow_excess_precision": False}  # what the network rounds is rounded


def affine_maps(glue: Glue) -> dict[str, Affine]:
    """The numbers of what goes into each sink, in float64.

    A matrix is the linear part of the glue at unit vectors: what constants add is left out of it, so that
    none of its entries is a difference.

    Raises:
        UnsupportedError: a matrix is too large, or something is added to a membrane.
        ParameterError: a number is not finite.
    """
    wanted = {path: value.number for path, value in glue.sinks.items()}
    heard = {
        source: {path: wanted[path] for path, value in glue.sinks.items() if source in value.origins}
        for source in glue.sources
    }
    _check_sizes(glue, heard)
    added = {path: value.number for path, value in glue.added.items()}
    fixed, biases, kicks = _biases(glue, wanted, added)
    _check_added(glue, kicks)
    found: dict[str, dict[Source, Floats]] = {path: {} for path in wanted}
    for source, sinks in heard.items():
        for path, matrix in _matrices(glue, fixed, source, sinks).items():
            if _finite(matrix, path).any():
                found[path][source] = matrix
    return {path: Affine(_finite(np.array(biases[path]).reshape(-1), path), found[path]) for path in wanted}


def _biases(glue: Glue, wanted: dict[str, int], added: dict[str, int]) -> Any:
    """All constants, what each sink is without any source, and what is added to membranes."""
    live = {value.number for value in (*glue.sinks.values(), *glue.added.values())}
    operations = _reaching(glue.operations, live)
    used = {number for operation in glue.operations for number in operation.operands}

    def evaluated(constants: Arrays) -> Any:
        fixed = dict(constants)
        for operation in glue.fixed:
            fixed.update(_applied(operation, [fixed[number] for number in operation.operands]))
        known = fixed | {number: jnp.zeros(glue.shapes[number].shape) for number in glue.sources.values()}
        for operation in operations:
            known.update(_applied(operation, [known[number] for number in operation.operands]))
        return (
            {number: array for number, array in fixed.items() if number in used},
            {path: known[number] for path, number in wanted.items()},
            {path: known[number] for path, number in added.items()},
        )

    return jax.jit(evaluated, compiler_options=_EXACTLY)(glue.constants)


def _matrices(glue: Glue, fixed: Arrays, source: Source, sinks: dict[str, int]) -> dict[str, Floats]:
    """The matrix from `source` into each of `sinks`, made some rows at a time."""
    width = prod(glue.shapes[glue.sources[source]].shape)
    made = (number for operation in glue.operations for number in operation.results)
    widest = max((prod(glue.shapes[number].shape) for number in made), default=1)
    rows = max(1, _BLOCK // max(widest, width))
    blocks = [
        _linear(glue, fixed, source, sinks, np.eye(min(rows, width - first), width, first))
        for first in range(0, width, rows)
    ]
    return {
        path: np.concatenate([np.asarray(block[path]) for block in blocks]).reshape(width, -1)
        for path in sinks
    }


def _linear(glue: Glue, fixed: Arrays, source: Source, sinks: dict[str, int], eye: Any) -> dict[str, Any]:
    """What each row of `eye` at `source` adds to `sinks`."""
    start = glue.sources[source]
    operations = _reaching(glue.operations, set(sinks.values()))

    def row(one: Any, fixed: Arrays) -> dict[str, Any]:
        known = {start: one.reshape(glue.shapes[start].shape)}
        for operation in operations:
            if not any(number in known for number in operation.operands):
                continue
            operands = [
                known[number]
                if number in known
                else jnp.zeros(glue.shapes[number].shape, glue.shapes[number].dtype)
                if sums(operation.primitive.name, index)
                else fixed[number]
                for index, number in enumerate(operation.operands)
            ]
            known.update(_applied(operation, operands))
        return {path: known[number] for path, number in sinks.items()}

    if any(operation.primitive.name in ONE_BY_ONE for operation in operations):
        rows = [row(one, fixed) for one in eye]
        return {path: np.stack([np.asarray(one[path]) for one in rows]) for path in sinks}
    made: dict[str, Any] = jax.jit(jax.vmap(row, (0, None)), compiler_options=_EXACTLY)(eye, fixed)
    return made


def _applied(operation: Operation, operands: list[Any]) -> dict[int, Any]:
    found = operation.primitive.get_bind_params(operation.params)
    functions, params = found if isinstance(found, tuple) else ((), found)  # the latter since JAX 0.12
    results = operation.primitive.bind(*functions, *operands, **params)
    if not operation.primitive.multiple_results:
        results = [results]
    return dict(zip(operation.results, results, strict=True))


def _reaching(operations: list[Operation], wanted: set[int]) -> list[Operation]:
    """Those that the values numbered `wanted` are made of."""
    needed, found = set(wanted), []
    for operation in reversed(operations):
        if needed.intersection(operation.results):
            found.append(operation)
            needed.update(operation.operands)
    return found[::-1]


def _check_sizes(glue: Glue, heard: Mapping[Source, Mapping[str, int]]) -> None:
    for source, sinks in heard.items():
        rows = prod(glue.shapes[glue.sources[source]].shape)
        for number in sinks.values():
            columns = prod(glue.shapes[number].shape)
            if rows * columns > _MOST_ENTRIES:
                raise UnsupportedError(
                    f"a matrix between two layers must have at most {_MOST_ENTRIES} entries, and one behind "
                    f"`{source.owner}` has {rows} x {columns}: describe a smaller network"
                )


def _check_added(glue: Glue, kicks: Mapping[str, Any]) -> None:
    for path, kick in kicks.items():
        if glue.added[path].origins or bool((kick != 0).any()):
            raise UnsupportedError(
                f"`{path}` is given a delta input, which moves its membrane at once and has no integer "
                "lowering: feed it a current, or use LIF, where a current does the same"
            )


def _finite(values: Floats, path: str) -> Floats:
    bad = values.size - int(np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ParameterError(
            f"the weights and biases in front of `{path}` must be finite, but {bad} of {values.size} values "
            "are NaN or infinite"
        )
    return values
