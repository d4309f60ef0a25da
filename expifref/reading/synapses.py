"""What stands in for synapses while a step is traced: their steps as exponential filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import saiunit as u
from jax import Array
from numpy.typing import NDArray

from expifref.dynamics import decay_rate
from expifref.exceptions import UnsupportedError
from expifref.neurons.quantities import time_step

from .leaves import FilterLeaf
from .parameters import held
from .recorder import Recorder, amount

__all__ = ["check_untouched", "synapse_update"]

Floats = NDArray[np.float64]


def synapse_update(filters: Sequence[FilterLeaf], recorder: Recorder) -> Callable[..., Any]:
    """The `update` of the synapse whose states are `filters`."""
    module = filters[0].module
    state = getattr(module, filters[0].state).value
    unit = u.get_unit(state) if isinstance(state, u.Quantity) else None
    advance = _ADVANCES[tuple(leaf.state for leaf in filters)]

    def update(x: Any = None) -> Any:
        check_untouched(filters, recorder)
        output = advance(filters, recorder, _input(filters[0], unit, x))
        for leaf in filters:
            getattr(module, leaf.state).value = _quantity(recorder.output(leaf.path), unit)
        return _quantity(output, unit)

    return update


def check_untouched(filters: Iterable[FilterLeaf], recorder: Recorder) -> None:
    """Raise UnsupportedError where a state of a synapse is not what its last step made of it."""
    for leaf in filters:
        state = getattr(leaf.module, leaf.state).value
        if u.get_mantissa(state) is not recorder.output(leaf.path):
            raise UnsupportedError(
                f"the state `{leaf.state}` of the filter `{leaf.path}` must be changed by its own `update` "
                "alone, but the network sets it"
            )


def _input(leaf: FilterLeaf, unit: u.Unit | None, x: Any) -> Array:
    """What a step adds to the state of `leaf`, as a number in `unit`."""
    module = leaf.module
    if getattr(module, "current_inputs", None):
        raise UnsupportedError(
            f"`{leaf.path}` is a filter with a registered current input: add it to its input"
        )
    noun = "numbers without a unit" if unit is None else f"a quantity in a unit such as {unit}"
    total = jnp.zeros(u.math.shape(getattr(module, leaf.state).value), float)
    if x is not None:
        value = x @ module.weight.value if leaf.state == "r" else x
        total = total + amount(value, unit, leaf.path, noun)
    if getattr(module, "delta_inputs", None):
        start = 0.0 if unit is None else u.Quantity(0.0, unit=unit)
        total = total + amount(module.sum_delta_inputs(start), unit, leaf.path, noun)
    return total


def _one(filters: Sequence[FilterLeaf], recorder: Recorder, total: Array) -> Array:
    (leaf,) = filters
    recorder.take(leaf, total)
    return recorder.output(leaf.path)


def _dual(filters: Sequence[FilterLeaf], recorder: Recorder, total: Array) -> Array:
    """`DualExpon`: two filters of one input, and the difference of them."""
    for leaf in filters:
        recorder.take(leaf, total)
    rise, decay = (recorder.output(leaf.path) for leaf in filters)
    return jnp.asarray(_dual_scale(*filters)) * (decay - rise)


def _dual_scale(first: FilterLeaf, second: FilterLeaf) -> Floats:
    """The amplitude, times what brings the peak of the answer to one impulse in continuous time to 1."""
    module, rise, decay = first.module, _tau(first), _tau(second)
    scale = np.asarray(held(module.amplitude), np.float64)
    if not module.normalize:
        return scale
    return scale * decay / (decay - rise) * (rise / decay) ** (rise / (rise - decay))


def _alpha(filters: Sequence[FilterLeaf], recorder: Recorder, total: Array) -> Array:
    """`Alpha`: a filter of what another one with the same time constant was in the step before."""
    first, second = filters
    before = recorder.output(first.path)
    recorder.take(first, total)
    recorder.take(second, decay_rate(_tau(first), time_step() / 1e3) * before)
    return recorder.output(second.path)


_ADVANCES = {("g",): _one, ("r",): _one, ("g_rise", "g_decay"): _dual, ("h", "g"): _alpha}
"""How the filters of a synapse make a step, by the names of its states; each gives the output."""


def _tau(leaf: FilterLeaf) -> Floats:
    """In s, of the shape of the module."""
    return leaf.tau.reshape(leaf.module.out_size)


def _quantity(number: Array, unit: u.Unit | None) -> Any:
    return number if unit is None else u.Quantity(number, unit=unit)
