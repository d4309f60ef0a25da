"""The module itself, run for some steps in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from expifref.files.texts import short

from .borrowed import borrowed, fresh, root_cause
from .heads import side_by_side
from .leaves import FilterLeaf, Leaf, NeuronLeaf, leaves_of
from .members import Members
from .repetition import repeats
from .trace import tracing

__all__ = ["Original", "Run"]

Floats = NDArray[np.float64]

_QUICKLY = {"xla_backend_optimization_level": 0}  # to compile takes longer than to run a few steps


@dataclass(frozen=True)
class Run:
    """What a network did, each `[steps, batch, units]`; that of populations by their layers."""

    output: Floats
    v: dict[str, Floats]  # V
    spikes: dict[str, Floats]
    currents: dict[str, Floats]  # A


@dataclass(frozen=True)
class Original:
    """A user's module, and what is known of it."""

    module: Any
    name: str
    dt: Any
    shape: tuple[int, ...]  # of one sample of its input
    batched: bool
    populations: Mapping[str, NeuronLeaf]  # by names of layers

    def run(self, frames: Floats, looped: bool = True) -> Run:
        """What the module does for `frames`, `[steps, batch, inputs]`.

        Args:
            frames: its input.
            looped: within one loop of JAX; else step by step, where attributes live on that are no states.

        Raises:
            UnsupportedError: the module cannot be run.
        """
        with self._borrowed(frames):
            runs = self._runs(frames, looped)
        return Run(*(_joined([run[part] for run in runs]) for part in ("output", "v", "spikes", "currents")))

    def repeats(self, frames: Floats) -> bool:
        """Whether its steps for `frames` are surely the same one, of their input and its states.

        Raises:
            UnsupportedError: the module cannot be run.
        """
        with self._borrowed(frames):
            batch, members, step = self._step(frames.shape[1])
            states = (*members.states.values(), brainstate.random.DEFAULT)

            def called(values: Any, *sequences: Any) -> Any:
                for state, value in zip(states, values, strict=True):
                    state.value = value
                return step(*sequences), [state.value for state in states]

            before = [state.value for state in states]
            given = before, jnp.asarray(0), jnp.asarray(frames[0, :batch])
            with tracing(members):
                return repeats(called, given, len(frames))

    @contextmanager
    def _borrowed(self, frames: Floats) -> Iterator[None]:
        try:
            with borrowed(self.module, self.name, self.dt):
                yield
        except Exception as error:  # whatever the user's own code raises
            cause = root_cause(error)
            raise UnsupportedError(
                f"`{self.name}` must run for {len(frames)} steps on {frames.shape[1]} samples at once, but: "
                f"{short(f'{type(cause).__name__}: {cause}')}"
            ) from error

    def _runs(self, frames: Floats, looped: bool) -> list[dict[str, Any]]:
        """All samples at once, or one after the other where the module has no axis for them."""
        steps, samples, _ = frames.shape
        batch, members, step = self._step(samples)
        loop = _one_by_one(step)
        if looped:
            loop = brainstate.transform.jit(_all_steps(step), compiler_options=_QUICKLY)
        start = [(state, state.value) for state in members.states.values()]
        found: list[dict[str, Any]] = []
        for first in range(0, samples, batch):
            for state, value in start:
                state.value = value
            piece = jnp.asarray(frames[:, first : first + batch])
            found.append(jax.tree.map(np.asarray, loop(jnp.arange(steps), piece)))
        return found

    def _step(self, samples: int) -> tuple[int, Members, Callable[..., dict[str, Any]]]:
        """How many of `samples` go into one step, the module with new states, and a step."""
        batch = samples if self.batched else 1
        members = fresh(self.module, self.name, batch if self.batched else None)
        currents: dict[str, Any] = {}
        for leaf in leaves_of(members, float(self.dt.to_decimal(u.second))).values():
            _with_units(leaf, currents)
        shape = (batch, *self.shape) if self.batched else self.shape

        def step(index: Any, values: Any) -> dict[str, Any]:
            with brainstate.environ.context(i=index, t=index.astype(float) * self.dt):
                output = self.module(values.reshape(shape))
            return {"output": side_by_side(output, batch)} | self._noted(currents, batch)

        return batch, members, step

    def _noted(self, currents: Mapping[str, Any], batch: int) -> dict[str, dict[str, Any]]:
        modules = {name: leaf.module for name, leaf in self.populations.items()}
        return {
            "v": {name: _flat(one.V.value.to_decimal(u.volt), batch) for name, one in modules.items()},
            "spikes": {name: _flat(one.get_spike(), batch) for name, one in modules.items()},
            "currents": {name: _flat(currents[leaf.path], batch) for name, leaf in self.populations.items()},
        }


def _all_steps(step: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *sequences: brainstate.transform.for_loop(step, *sequences)


def _one_by_one(step: Callable[..., Any]) -> Callable[..., Any]:
    def steps(*sequences: Any) -> Any:
        each = [step(*values) for values in zip(*sequences, strict=True)]
        return jax.tree.map(lambda *values: jnp.stack(values), *each)

    return steps


def _joined(parts: Iterable[Any]) -> Any:
    return jax.tree.map(lambda *arrays: np.concatenate(arrays, axis=1), *parts)


def _flat(value: Any, batch: int) -> Any:
    return jnp.asarray(u.get_mantissa(value), float).reshape(batch, -1)


def _with_units(leaf: Leaf, currents: dict[str, Any]) -> None:
    """Let plain numbers count in the unit of the leaf, and note the currents of a population."""
    if isinstance(leaf, NeuronLeaf):
        vars(leaf.module)["update"] = _neuron_update(leaf, currents)
    elif isinstance(leaf, FilterLeaf):
        state = getattr(leaf.module, leaf.state).value
        if isinstance(state, u.Quantity) and leaf.state != "r":
            vars(leaf.module)["update"] = _filter_update(leaf.module.update, u.get_unit(state))


def _neuron_update(leaf: NeuronLeaf, currents: dict[str, Any]) -> Callable[..., Any]:
    module, original = leaf.module, leaf.module.update

    def update(x: Any = 0.0 * u.mA) -> Any:
        current = x if isinstance(x, u.Quantity) else x * u.mA
        v = module.V.value
        total = module.sum_current_inputs(current, v, pop=False)
        # in float64 before it is scaled: the module may have rounded it to another type
        milliamperes = jnp.asarray(total.to_decimal(u.mA), float)
        if leaf.per_volt is not None:
            kick = module.sum_delta_inputs(0.0 * u.mV, pop=False).to_decimal(u.mV)
            milliamperes = milliamperes + leaf.current_of(jnp.broadcast_to(jnp.asarray(kick, float), v.shape))
        currents[leaf.path] = jnp.broadcast_to(milliamperes, v.shape) * 1e-3
        return original(current)

    return update


def _filter_update(original: Callable[..., Any], unit: u.Unit) -> Callable[..., Any]:
    def update(x: Any = None) -> Any:
        return original(x if x is None or isinstance(x, u.Quantity) else u.Quantity(x, unit=unit))

    return update
