"""A layer over all steps as one GPU kernel, with its states in registers and the operations of `tracers`.

A program of the grid has a block of samples and units and runs their steps in a loop of its own; what it
reads of a step are accumulators, what it writes are the outputs and signals that are asked for. The last
sample and the last unit are repeated up to whole blocks, so that nothing is computed that the proof has not
seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas

from quantize.graph.operations import Lookup

from .part import Part
from .plan import GroupPlan, LayerNumbers
from .scan import Advance, Carry, Inputs, Left, Loop
from .shapes import Held, Result, Step, Sum

__all__ = ["can_compile", "in_registers", "one_layer"]

_VALUES = 128
"""Of one result in a block: 64 to 256 take the same time on an H200."""

_WARPS = 4

_ARRAY: Any = jax.ShapeDtypeStruct  # which JAX ships without types

Ref = Any
"""An array as a kernel sees it: in the memory of the device, to be read and written in parts."""


class _Near(NamedTuple):
    """What a block reads once and keeps, `[batch or 1, units]` each."""

    carry: Carry
    held: Mapping[str, Result]
    constants: Mapping[str, Held]
    starts: Mapping[str, Held]


class _Tables(NamedTuple):
    """What stays in memory, where every unit looks up what it needs."""

    tables: Mapping[str, Held]
    segments: Mapping[str, Held]


class _Block(NamedTuple):
    """The shape of a block, powers of two."""

    samples: int
    units: int


def can_compile() -> bool:
    """Whether this JAX makes kernels of Pallas for a GPU; where it does not, the steps are scanned."""
    try:
        return hasattr(_triton(), "CompilerParams")
    except ImportError:
        return False


def one_layer(group: GroupPlan) -> bool:
    """Whether no unit of `group` hears of another one, or of itself, in a later step: each can run alone."""
    return not any(feed.inside for plan in group.layers for feed in plan.feeds.values())


def in_registers(interpret: bool) -> Advance:
    """How the steps of a group of `one_layer` are run.

    Args:
        interpret: whether what the kernel does is left to XLA, on any device, and slowly.
    """
    options = {"interpret": True} if interpret else _compiled()
    return partial(_advance, options=options)


def _compiled() -> dict[str, Any]:
    return {"compiler_params": _triton().CompilerParams(num_warps=_WARPS, num_stages=1)}


def _triton() -> ModuleType:
    # Versions of JAX that have dropped it must not fail before they are asked.
    return import_module("jax.experimental.pallas.triton")


def _advance(loop: Loop, start: Carry, inputs: Inputs, options: Mapping[str, Any]) -> tuple[Carry, Left]:
    (part,) = loop.parts
    steps, block = len(inputs.step), _block(part.shape)
    grid = tuple(-(-size // one) for size, one in zip(part.shape, block, strict=True))
    first: Inputs = jax.tree.map(lambda values: values[0], inputs)
    left = jax.eval_shape(loop.step, start, first)[1]
    in_blocks = partial(_in_blocks, grid=grid, block=block)
    given = (
        jax.tree.map(in_blocks, inputs.stream[part.name]),
        jax.tree.map(in_blocks, _near(part, start)),
        _Tables(part.numbers.tables, part.numbers.segments),
    )
    shape = tuple(count * one for count, one in zip(grid, block, strict=True))
    wanted = (
        jax.tree.map(lambda one: _ARRAY(shape, _stored(one.dtype)), start),
        jax.tree.map(lambda one: _ARRAY((steps, *shape), _stored(one.dtype)), left),
    )
    spec = partial(_spec, block=block)
    call = pallas.pallas_call(
        partial(_kernel, loop=loop, block=block, steps=steps),
        wanted,
        grid=grid,
        in_specs=jax.tree.map(spec, given),
        out_specs=jax.tree.map(spec, wanted),
        **options,
    )
    samples, units = part.shape
    found: tuple[Carry, Left] = jax.tree.map(lambda values: values[..., :samples, :units], call(*given))
    return found


def _kernel(
    stream: Mapping[int, Ref],
    near: _Near,
    tables: _Tables,
    *written: Ref,
    loop: Loop,
    block: _Block,
    steps: int,
) -> None:
    (part,) = loop.parts
    end, left = written
    own: _Near = jax.tree.map(lambda ref: ref[...], near)
    numbers = LayerNumbers({}, own.constants, tables.tables, own.starts, tables.segments)
    here = replace(part, numbers=numbers, shape=block, held=own.held, read=lambda ref, index: ref[index])
    blocks = replace(loop, parts=(here,))

    def step(number: Step, carry: Carry) -> Carry:
        now: dict[int, Sum] = jax.tree.map(lambda ref: ref[number], stream)
        after, found = blocks.step(carry, Inputs(number, {part.name: now}))
        jax.tree.map(lambda ref, values: _put(ref, number, values), left, found)
        return after

    last = jax.lax.fori_loop(np.int32(0), np.int32(steps), step, own.carry)
    jax.tree.map(lambda ref, values: _put(ref, ..., values), end, last)


def _near(part: Part, start: Carry) -> _Near:
    """What the moving operations of `part` take beside its accumulators."""
    layer = part.plan.layer
    names = {name for operation in part.moving for name in operation.of}
    names.update(part.signals.values(), layer.next.values(), [layer.output])
    chosen = {str(one.index) for one in part.moving if isinstance(one, Lookup) and one.index is not None}
    return _Near(
        start,
        {name: values for name, values in part.held.items() if name in names},
        {name: values for name, values in part.numbers.constants.items() if name in chosen},
        part.numbers.starts,
    )


def _block(shape: tuple[int, int]) -> _Block:
    samples, units = (1 << (size - 1).bit_length() for size in shape)
    units = min(units, _VALUES)
    return _Block(min(samples, _VALUES // units), units)


def _in_blocks(values: Held, grid: tuple[int, ...], block: _Block) -> Held:
    """`values`, `[units]` or `[..., batch or 1, units]`, up to whole blocks; one sample may stand for all."""
    whole = jnp.atleast_2d(values).astype(_stored(values.dtype))
    shape = [count * one for count, one in zip(grid, block, strict=True)]
    if whole.shape[-2] == 1:
        shape[0] = 1
    more = [(0, size - now) for size, now in zip(shape, whole.shape[-2:], strict=True)]
    return jnp.pad(whole, [(0, 0)] * (whole.ndim - 2) + more, mode="edge")


def _spec(values: Any, block: _Block) -> pallas.BlockSpec:
    """Which part of `values` a block sees: of tables all, of the others its own samples and units."""
    if values.ndim == 1:
        return pallas.BlockSpec(values.shape, lambda _sample, _unit: (0,))
    if values.ndim == 3:
        return pallas.BlockSpec((values.shape[0], *block), lambda sample, unit: (0, sample, unit))
    if values.shape[0] == 1:
        return pallas.BlockSpec((1, block.units), lambda _sample, unit: (0, unit))
    return pallas.BlockSpec(block, lambda sample, unit: (sample, unit))


def _put(ref: Ref, place: Any, values: Result) -> None:
    ref[place] = values.astype(ref.dtype)


def _stored(dtype: Any) -> Any:
    """Masks have no form in memory that all versions of Pallas read and write."""
    return np.dtype(np.int8 if dtype == np.bool_ else dtype)
