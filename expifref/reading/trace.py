"""One step of a module, traced with its leaves taken out.

The trace is a function from what may be seen between the leaves (the input, their outputs, all states) to
what goes into them, and it holds what lies between and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import saiunit as u
from jax.extend.core import Jaxpr

from expifref.exceptions import UnsupportedError
from expifref.network.description import INPUT

from .heads import heads_of, side_by_side
from .leaves import UNDERSTOOD, DelayLeaf, FilterLeaf, Leaf, NeuronLeaf, followed_by
from .members import Members, class_name
from .recorder import Recorder
from .sources import OUTPUT, Forbidden, Origin, Source, shape_of
from .stand_ins import put_in
from .synapses import check_untouched

__all__ = ["Step", "TrainedArray", "traced_step", "tracing"]

_TIME = Forbidden("depends on the time")
_RANDOM = Forbidden("draws random numbers")


@dataclass(frozen=True)
class TrainedArray:
    """An array of numbers in a trained state."""

    path: str  # of the state
    part: int  # among `jax.tree.leaves` of its value


@dataclass(frozen=True)
class Step:
    """A traced step."""

    jaxpr: Jaxpr
    constants: tuple[Any, ...]  # the values of its constants
    arguments: tuple[Origin | jax.Array, ...]  # where each comes from, or its value where it never changes
    sinks: tuple[str, ...]  # the results: inputs of the leaves by their paths, and the output, flat
    added: tuple[str, ...]  # the further results: what is added to the membranes of these leaves
    trained: dict[TrainedArray, int]  # which of the arguments they are
    updated: tuple[str, ...]  # paths of leaves, in the order of their updates
    heads: Mapping[str, int]  # how many values each part of the output has
    spiking: frozenset[str]  # paths of leaves whose outputs are spikes


@dataclass(frozen=True)
class _Kept:
    """A state that is an argument of the traced function."""

    path: str
    state: brainstate.State
    of_leaf: bool
    origin: Forbidden


def traced_step(module: Any, members: Members, leaves: dict[str, Leaf], shape: tuple[int, ...]) -> Step:
    """Trace a step of `module`, whose states have been made, on an input of `shape`.

    The module is left full of stand-ins: it must be a borrowed one.

    Raises:
        UnsupportedError: the step cannot be traced, or changes what it must not.
    """
    kept = _kept_states(members, leaves)
    sources = {Source(INPUT, 0): shape_of(shape)} | _outputs(leaves)
    values = tuple(one.state.value for one in kept)
    record: dict[str, Any] = {}

    def step(given: Any, states: Any, key: Any, time: Any) -> Any:
        recorder = record["recorder"] = Recorder(dict(zip(sources, given, strict=True)))
        _place(kept, states, leaves, recorder)
        brainstate.random.DEFAULT.value = key
        put_in(leaves, recorder)
        _name(members, leaves)
        with brainstate.environ.context(t=u.Quantity(time, unit=u.ms), i=time.astype(int)):
            output = module(recorder.given[Source(INPUT, 0)])
        check_untouched((leaf for leaf in leaves.values() if isinstance(leaf, FilterLeaf)), recorder)
        recorder.sinks[OUTPUT] = side_by_side(output, 1).reshape(-1)
        record["heads"] = {place: head.size for place, head in heads_of(output).items()}
        record["changed"] = [
            one for one, state in zip(kept, states, strict=True) if not _same(one.state.value, state)
        ]
        return tuple(recorder.sinks.values()), tuple(recorder.added.values())

    key = brainstate.random.DEFAULT.value
    with tracing(members):
        traced = jax.make_jaxpr(step)(list(sources.values()), values, key, shape_of(()))
    recorder: Recorder = record["recorder"]
    origins: list[Origin | jax.Array] = [_origin(source, leaves) for source in sources]
    trained: dict[TrainedArray, int] = {}
    for one, value in zip(kept, values, strict=True):
        if one.of_leaf and one in record["changed"]:
            raise UnsupportedError(
                f"`{one.path}` must be changed by `{members.owner(one.path)}` alone, but the network sets it"
            )
        live = one.of_leaf or one in record["changed"]
        for part, array in enumerate(jax.tree.leaves(value)):
            if isinstance(one.state, brainstate.ParamState):
                trained[TrainedArray(one.path, part)] = len(origins)
            origins.append(one.origin if live else jnp.asarray(array))
    origins += [_RANDOM, _TIME]
    return Step(
        jaxpr=traced.jaxpr,
        constants=tuple(traced.consts),
        arguments=tuple(origins),
        sinks=tuple(recorder.sinks),
        added=tuple(recorder.added),
        trained=trained,
        updated=tuple(recorder.updated),
        heads=record["heads"],
        spiking=frozenset(path for path, leaf in leaves.items() if isinstance(leaf, NeuronLeaf)),
    )


def _kept_states(members: Members, leaves: dict[str, Leaf]) -> list[_Kept]:
    filtered = {id(getattr(one.module, one.state)) for one in leaves.values() if isinstance(one, FilterLeaf)}
    found = []
    for path, state in members.states.items():
        if id(state) in filtered:
            continue
        owner = members.owner(path)
        of_leaf = owner in leaves and not isinstance(state, brainstate.ParamState)
        if of_leaf and path == f"{owner}.V":
            origin = _membrane(owner)
        elif isinstance(state, brainstate.ParamState):
            origin = Forbidden(f"depends on `{path}`, which a step changes: learning has no integer lowering")
        else:
            kind = class_name(members.nodes[owner])
            origin = Forbidden(f"depends on `{path}`, which a `{kind}` keeps: {UNDERSTOOD}")
        found.append(_Kept(path, state, of_leaf, origin))
    return found


def _outputs(leaves: dict[str, Leaf]) -> dict[Source, jax.ShapeDtypeStruct]:
    found: dict[Source, jax.ShapeDtypeStruct] = {}
    for leaf in leaves.values():
        like, oldest = _output(leaf)
        found |= {Source(leaf.path, age): like for age in range(oldest + 1)}
        followed = followed_by(leaf, leaves)
        if followed is not None:
            found |= {Source(followed.path, age): like for age in range(oldest + 1)}
    return found


def _origin(source: Source, leaves: dict[str, Leaf]) -> Origin:
    leaf = leaves.get(source.owner)
    followed = None if leaf is None else followed_by(leaf, leaves)
    return source if followed is None else _membrane(followed.path)


def _membrane(path: str) -> Forbidden:
    return Forbidden(f"depends on the membrane potential of `{path}`, which has no integer lowering")


def _output(leaf: Leaf) -> tuple[jax.ShapeDtypeStruct, int]:
    """The shape of a leaf's output, and how many steps back it may be asked for."""
    if isinstance(leaf, DelayLeaf):
        like = jax.tree.leaves(leaf.module.history.value)[0]
        return shape_of(like.shape[1:]), leaf.longest + 1
    state = leaf.module.V if isinstance(leaf, NeuronLeaf) else getattr(leaf.module, leaf.state)
    return shape_of(state.value.shape), 1


def _place(kept: list[_Kept], states: Any, leaves: dict[str, Leaf], recorder: Recorder) -> None:
    for one, value in zip(kept, states, strict=True):
        one.state.value = value
    for leaf in leaves.values():
        if isinstance(leaf, FilterLeaf):
            state, value = getattr(leaf.module, leaf.state), recorder.output(leaf.path)
            quantity = isinstance(state.value, u.Quantity)
            state.value = u.Quantity(value, unit=u.get_unit(state.value)) if quantity else value


def _name(members: Members, leaves: dict[str, Leaf]) -> None:
    """Let the operations of a trace know in which module they were made."""
    for path, node in members.nodes.items():
        if path not in leaves and isinstance(node, brainstate.nn.Module):
            vars(node)["update"] = _named(node.update, path)


def _named(update: Any, path: str) -> Any:
    @wraps(update)
    def named(*args: Any, **kwargs: Any) -> Any:
        with jax.named_scope(path):
            return update(*args, **kwargs)

    return named


def _same(one: Any, other: Any) -> bool:
    return all(a is b for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


@contextmanager
def tracing(members: Members) -> Iterator[None]:
    """Nested functions are inlined; all states have their values back at the end."""
    stack = brainstate.StateTraceStack()
    try:
        with jax.disable_jit(), brainstate.check_state_value_tree(False), stack:
            yield
    finally:
        foreign = _restored(stack, {id(state) for state in members.states.values()})
    if foreign:
        raise UnsupportedError(
            "a step must change states of the network alone, but it changes one that is no attribute of a "
            "module in it"
        )


def _restored(stack: Any, own: set[int]) -> bool:
    """Give all states that were written their values back; whether one is not among `own`."""
    own = own | {id(brainstate.random.DEFAULT)}
    values = zip(stack.states, stack.been_writen, stack.original_state_values, strict=True)
    written = [(state, value) for state, changed, value in values if changed]
    for state, value in written:
        state.value = value
    return any(id(state) not in own for state, _ in written)
