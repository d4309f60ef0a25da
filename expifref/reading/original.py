"""The module itself, run for some steps in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from expifref.texts import short

from .borrowed import fresh, root_cause
from .leaves import FilterLeaf, Leaf, NeuronLeaf, leaves_of

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

    def run(self, frames: Floats) -> Run:
        """What the module does for `frames`, `[steps, batch, inputs]`; it must be a borrowed one.

        Raises:
            UnsupportedError: the module cannot be run.
        """
        pieces = [frames] if self.batched else [frames[:, [sample]] for sample in range(frames.shape[1])]
        try:
            runs = [self._run(piece) for piece in pieces]
        except Exception as error:  # whatever the user's own code raises
            cause = root_cause(error)
            raise UnsupportedError(
                f"`{self.name}` must run for {len(frames)} steps on {frames.shape[1]} samples at once, but: "
                f"{short(f'{type(cause).__name__}: {cause}')}"
            ) from error
        return Run(*(_joined([run[part] for run in runs]) for part in ("output", "v", "spikes", "currents")))

    def _run(self, frames: Floats) -> dict[str, Any]:
        steps, batch, _ = frames.shape
        members = fresh(self.module, self.name, batch if self.batched else None)
        currents: dict[str, Any] = {}
        for leaf in leaves_of(members, float(self.dt.to_decimal(u.second))).values():
            _with_units(leaf, currents)
        shape = (batch, *self.shape) if self.batched else self.shape

        def step(index: Any, values: Any) -> dict[str, Any]:
            with brainstate.environ.context(i=index, t=index.astype(float) * self.dt):
                output = self.module(values.reshape(shape))
            return {"output": _flat(output, batch)} | self._noted(currents, batch)

        with brainstate.environ.context(dt=self.dt):
            loop = brainstate.transform.jit(_all_steps(step), compiler_options=_QUICKLY)
            found = loop(jnp.arange(steps), jnp.asarray(frames))
        arrays: dict[str, Any] = jax.tree.map(np.asarray, found)
        return arrays

    def _noted(self, currents: Mapping[str, Any], batch: int) -> dict[str, dict[str, Any]]:
        modules = {name: leaf.module for name, leaf in self.populations.items()}
        return {
            "v": {name: _flat(one.V.value.to_decimal(u.volt), batch) for name, one in modules.items()},
            "spikes": {name: _flat(one.get_spike(), batch) for name, one in modules.items()},
            "currents": {
                name: _flat(currents[leaf.path].to_decimal(u.amp), batch)
                for name, leaf in self.populations.items()
            },
        }


def _all_steps(step: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *sequences: brainstate.transform.for_loop(step, *sequences)


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
        if isinstance(state, u.Quantity) and leaf.state == "g":
            vars(leaf.module)["update"] = _filter_update(leaf.module.update, u.get_unit(state))


def _neuron_update(leaf: NeuronLeaf, currents: dict[str, Any]) -> Callable[..., Any]:
    module, original = leaf.module, leaf.module.update

    def update(x: Any = 0.0 * u.mA) -> Any:
        current = x if isinstance(x, u.Quantity) else x * u.mA
        v = module.V.value
        total = module.sum_current_inputs(current, v, pop=False)
        currents[leaf.path] = u.math.broadcast_to(total, v.shape)
        return original(current)

    return update


def _filter_update(original: Callable[..., Any], unit: u.Unit) -> Callable[..., Any]:
    def update(x: Any = None) -> Any:
        return original(x if x is None or isinstance(x, u.Quantity) else u.Quantity(x, unit=unit))

    return update
