"""The leaky integrate-and-fire neurons, without and with a refractory period, as brainstate modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import brainstate
import braintools
import jax.numpy as jnp
import saiunit as u
from jax import Array
from jaxtyping import Float

from expifref.dynamics import Drive, LIFConstants, StepResult, leaky_after_spikes, leaky_candidate

from .gradient import GradientRules, ResetMode, Surrogate, differentiable_leak, spike_argument
from .population import SURROGATE, Behaviour, Population, Refractory
from .quantities import time_step

__all__ = ["LIF", "LIFRef"]

_ZERO = braintools.init.Constant(0.0 * u.mV)
_RULES = GradientRules(clamp="pass")


class LIF(Population):
    """Leaky integrate-and-fire neurons without refractory period.

    A drop-in for `brainpy.state.LIF` (same signature, defaults, states and methods). Arguments are those of
    `LIFRef`.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("R", "tau", "V_th", "V_reset", "V_rest")

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 5.0 * u.ms,
        V_th: Any = 1.0 * u.mV,
        V_reset: Any = 0.0 * u.mV,
        V_rest: Any = 0.0 * u.mV,
        V_initializer: Callable[..., Any] = _ZERO,
        spk_fun: Surrogate = SURROGATE,
        spk_reset: ResetMode = "soft",
        name: str | None = None,
        *,
        gradient: GradientRules = _RULES,
    ) -> None:
        parameters = {"R": R, "tau": tau, "V_th": V_th, "V_reset": V_reset, "V_rest": V_rest}
        super().__init__(in_size, parameters, Behaviour(V_initializer, spk_fun, spk_reset, gradient), name)

    @property
    def span(self) -> Any:
        """The potential by which membranes and drives are measured without a unit."""
        return self.V_th - self.V_reset

    def constants(self, dtype: Any) -> LIFConstants:
        """The parameters as plain arrays in ms, mV and ohm (see `expifref.neurons.quantities`)."""
        value = self._arrays(dtype)
        return LIFConstants(
            resistance=value["R"],
            tau=value["tau"],
            v_th=value["V_th"],
            v_reset=value["V_reset"],
            v_rest=value["V_rest"],
            refractory_steps=self._refractory_steps(),
            subtracted=self.spk_reset == "soft",
        )

    def _held(self, v: Float[Array, "*shape"], constants: LIFConstants) -> Float[Array, "*shape"]:
        c = constants
        held: Array = leaky_after_spikes(v, c, jnp)
        if c.subtracted:
            held = v - (c.v_th - c.v_reset) * self.spk_fun(spike_argument(v, c.v_th, c.v_reset))
        return held

    def _advance(self, held: Float[Array, "*shape"], drive: Drive, constants: LIFConstants) -> StepResult:
        candidate = leaky_candidate(held, drive.current, drive.delta, constants, time_step(), jnp)
        return differentiable_leak(held, self._waiting(), candidate, constants, self.gradient)


class LIFRef(Refractory, LIF):
    """Leaky integrate-and-fire neurons with an absolute refractory period.

    A drop-in for `brainpy.state.LIFRef` (same signature, defaults, states and methods) whose refractory
    period is counted in whole steps: upstream it can be one step shorter or longer. The step is that of
    `expifref.dynamics.lif`.

    Args:
        in_size: population geometry, an int or a tuple.
        R: membrane resistance (ohm).
        tau: membrane time constant, above 0 ms.
        tau_ref: absolute refractory period, at least 0 ms.
        V_th: potential from which on a neuron spikes, above `V_reset`.
        V_reset: with a "hard" reset the potential after a spike.
        V_rest: resting potential.
        V_initializer: gives the potential before the first step, below `V_th`.
        spk_fun: surrogate spike function of `(V - V_th) / (V_th - V_reset)`.
        spk_reset: "soft" subtracts `V_th - V_reset` after a spike and keeps what lies above; "hard" assigns
            `V_reset`, and `V` never exceeds `V_th`.
        name: name of the module.
        gradient: whether the backward pass goes through the clamp of a "hard" reset.

    Every parameter is a quantity, scalar or of shape `in_size`. Except for `tau_ref`, of which whole steps
    are counted, it may be a `brainstate.ParamState` or `brainstate.nn.Param` of one, and is trained.

    States: `V` (mV), `refractory_count` (int32, steps still to be held) and `last_spike_time` (ms; kept only
    while the environment has a `t`), of shape `[*in_size]`, or `[batch, *in_size]` after `init_state(batch)`.

    Raises:
        ParameterError: a parameter has the wrong unit, shape or value.
    """

    PARAMETERS = ("R", "tau", "tau_ref", "V_th", "V_reset", "V_rest")

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 5.0 * u.ms,
        tau_ref: Any = 5.0 * u.ms,
        V_th: Any = 1.0 * u.mV,
        V_reset: Any = 0.0 * u.mV,
        V_rest: Any = 0.0 * u.mV,
        V_initializer: Callable[..., Any] = _ZERO,
        spk_fun: Surrogate = SURROGATE,
        spk_reset: ResetMode = "soft",
        name: str | None = None,
        *,
        gradient: GradientRules = _RULES,
    ) -> None:
        parameters = {
            "R": R,
            "tau": tau,
            "tau_ref": tau_ref,
            "V_th": V_th,
            "V_reset": V_reset,
            "V_rest": V_rest,
        }
        behaviour = Behaviour(V_initializer, spk_fun, spk_reset, gradient)
        Population.__init__(self, in_size, parameters, behaviour, name)
