"""The exponential filter: a synapse before a neuron, a leaky readout behind the last layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from jaxtyping import Float

from expifref.exceptions import ParameterError

from .quantities import TIME, check_shape, check_values, decimal, time_step

__all__ = ["ExponentialSynapse", "LeakyReadout"]

Filtered = Float[Any, "*shape"]
"""A quantity, or an array without a unit."""

_NO_CURRENT = braintools.init.Constant(0.0 * u.mA)
_ZERO = braintools.init.Constant(0.0)


class ExponentialSynapse(brainstate.nn.Dynamics):
    """First-order filter `g' = exp(-dt / tau) g + x`: decay, then add, then return the new value.

    The order and the exact decay are those of `brainpy.state.Expon`. Here `g` is a current by default,
    because it feeds a current-driven neuron; any unit works, also none.

    Args:
        in_size: geometry, an int or a tuple.
        tau: time constant, finite and above 0 ms; scalar or of shape `in_size`.
        g_initializer: gives the state before the first step, and its unit.
        name: name of the module.

    State `g`: `[*in_size]`, or `[batch, *in_size]` after `init_state(batch)`.

    Raises:
        ParameterError: `tau` or an input has the wrong unit, shape or value.
    """

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        tau: Any = 8.0 * u.ms,
        g_initializer: Callable[..., Any] = _NO_CURRENT,
        name: str | None = None,
    ) -> None:
        super().__init__(in_size, name=name)
        self.tau = tau(self.varshape) if callable(tau) else tau
        number = decimal("tau", self.tau, TIME)
        check_shape("tau", number, self.varshape)
        check_values(
            "tau", number, np.isfinite(number) & (np.asarray(number) > 0), "finite and above 0 ms", TIME
        )
        self.g_initializer = g_initializer

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the state, `[*in_size]` or `[batch_size, *in_size]`."""
        del kwargs
        self.g = brainstate.HiddenState(self._initial(batch_size))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Put the state back to where `init_state` leaves it."""
        del kwargs
        self.g.value = self._initial(batch_size)

    def update(self, x: Float[Any, "*#shape"] | None = None) -> Filtered:
        """Advance by one step of the environment's `dt`, add the input `x` and return the new `g`."""
        g = self.g.value
        tau = jnp.asarray(decimal("tau", self.tau, TIME), u.math.get_dtype(g))
        g = g * jnp.exp(-time_step() / tau)
        if x is not None:
            _check_same_dimension(x, g)
            g = g + x
        check_shape("x", g, u.math.shape(self.g.value))
        self.g.value = g
        return g

    def _initial(self, batch_size: int | None) -> Filtered:
        return braintools.init.param(self.g_initializer, self.varshape, batch_size)


class LeakyReadout(ExponentialSynapse):
    """The same filter without a unit: it integrates what the last linear layer says about each class."""

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        tau: Any = 8.0 * u.ms,
        g_initializer: Callable[..., Any] = _ZERO,
        name: str | None = None,
    ) -> None:
        super().__init__(in_size, tau, g_initializer, name)


def _check_same_dimension(x: Any, g: Any) -> None:
    if u.get_dim(x) == u.get_dim(g):
        return
    wanted, found = (
        f"a quantity in {u.get_unit(value)}" if isinstance(value, u.Quantity) else "a number without a unit"
        for value in (g, x)
    )
    raise ParameterError(f"`x` must be {wanted} like the state of the synapse, not {found}")
