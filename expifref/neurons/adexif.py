"""The adaptive exponential neurons, without and with a refractory period, as brainstate modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import brainstate
import braintools
import jax
import jax.numpy as jnp
import saiunit as u
from jax import Array
from jaxtyping import Float

from expifref.dynamics import AdaptiveConstants, Drive, StepResult, adaptation_after

from .expif import membrane_constants
from .gradient import (
    GradientRules,
    ResetMode,
    Surrogate,
    differentiable_step,
    reset_membrane,
    spike_argument,
)
from .population import RULES, SURROGATE, Behaviour, Population, Refractory
from .quantities import CURRENT, POTENTIAL, decimal, time_step

__all__ = ["AdExIF", "AdExIFRef"]

_REST = braintools.init.Constant(-65.0 * u.mV)
_NONE = braintools.init.Constant(0.0 * u.mA)


class AdExIF(Population):
    """Adaptive exponential integrate-and-fire neurons without refractory period.

    A drop-in for `brainpy.state.AdExIF`. Arguments and states are those of `AdExIFRef`.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = (
        "R",
        "tau",
        "tau_w",
        "V_th",
        "V_reset",
        "V_rest",
        "V_T",
        "delta_T",
        "a",
        "b",
    )

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 10.0 * u.ms,
        tau_w: Any = 30.0 * u.ms,
        V_th: Any = -55.0 * u.mV,
        V_reset: Any = -68.0 * u.mV,
        V_rest: Any = -65.0 * u.mV,
        V_T: Any = -59.9 * u.mV,
        delta_T: Any = 3.48 * u.mV,
        a: Any = 1.0 * u.siemens,
        b: Any = 1.0 * u.mA,
        V_initializer: Callable[..., Any] = _REST,
        w_initializer: Callable[..., Any] = _NONE,
        spk_fun: Surrogate = SURROGATE,
        spk_reset: ResetMode = "soft",
        name: str | None = None,
        *,
        gradient: GradientRules = RULES,
    ) -> None:
        parameters = {
            "R": R,
            "tau": tau,
            "tau_w": tau_w,
            "V_th": V_th,
            "V_reset": V_reset,
            "V_rest": V_rest,
            "V_T": V_T,
            "delta_T": delta_T,
            "a": a,
            "b": b,
        }
        super().__init__(in_size, parameters, Behaviour(V_initializer, spk_fun, spk_reset, gradient), name)
        self.w_initializer = w_initializer

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states, `[*in_size]` or `[batch_size, *in_size]`."""
        super().init_state(batch_size, **kwargs)
        self.w = brainstate.HiddenState(self._initial_w(batch_size))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Put the states back to where `init_state` leaves them."""
        super().reset_state(batch_size, **kwargs)
        self.w.value = self._initial_w(batch_size)

    @property
    def span(self) -> Any:
        """The potential by which membranes and drives are measured without a unit."""
        return self.delta_T

    def constants(self, dtype: Any) -> AdaptiveConstants:
        """The parameters as plain arrays in ms, mV, mA, ohm and S (see `expifref.neurons.quantities`)."""
        value = self._arrays(dtype)
        membrane = membrane_constants(value, self._refractory_steps())
        return AdaptiveConstants(membrane, value["a"], value["b"], value["tau_w"])

    def _held(self, v: Float[Array, "*shape"], constants: AdaptiveConstants) -> Float[Array, "*shape"]:
        return reset_membrane(v, constants.membrane, self.spk_fun, self.spk_reset)

    def _advance(
        self, held: Float[Array, "*shape"], drive: Drive, constants: AdaptiveConstants
    ) -> StepResult:
        c, waiting, dt = constants, self._waiting(), time_step()
        raised = decimal("w", self.w.value, CURRENT) + c.b * self._spiked(c)
        lowered = drive._replace(current=drive.current - raised)
        step = differentiable_step(held, waiting, lowered, c.membrane, dt, self.gradient)
        self.w.value = adaptation_after(raised, step.v, waiting, c, dt, jnp) * u.mA
        return step

    def _spiked(self, constants: AdaptiveConstants) -> Float[Array, "*shape"]:
        """The spikes of the step before, with a gradient unless the reset is "hard"."""
        m, v = constants.membrane, decimal("V", self.V.value, POTENTIAL)
        spikes = self.spk_fun(spike_argument(v, m.v_th, m.v_reset))
        return jax.lax.stop_gradient(spikes) if self.spk_reset == "hard" else spikes

    def _initial_w(self, batch_size: int | None) -> Float[u.Quantity, "*shape"]:
        return decimal("w_initializer", self._filled(self.w_initializer, batch_size), CURRENT) * u.mA


class AdExIFRef(Refractory, AdExIF):
    """Adaptive exponential integrate-and-fire neurons with an absolute refractory period.

    A drop-in for `brainpy.state.AdExIFRef` (same signature, defaults, states and methods) that keeps what
    `expifref.ExpIFRef` keeps, and whose adaptation follows the membrane as it is, clamped at `V_th`:
    upstream follows the candidate, which has no bound. The step is `expifref.dynamics.adaptive_step`; the
    equations are Brette and Gerstner (2005), J. Neurophysiol. 94(5), 3637.

    Args:
        in_size: population geometry, an int or a tuple.
        R: membrane resistance (ohm).
        tau: membrane time constant, above 0 ms.
        tau_w: time constant of the adaptation current, above 0 ms.
        tau_ref: absolute refractory period, at least 0 ms; a neuron spikes at most once in it.
        V_th: numerical cutoff where a spike is counted, above `V_reset` and `V_T`.
        V_reset: potential after a spike.
        V_rest: resting potential.
        V_T: threshold of the exponential.
        delta_T: slope factor of the exponential, above 0 mV.
        a: adaptation current per potential above `V_rest` (siemens).
        b: what a spike adds to the adaptation current.
        V_initializer: gives the potential before the first step, below `V_th`.
        w_initializer: gives the adaptation current before the first step.
        spk_fun: surrogate spike function of `(V - V_th) / (V_th - V_reset)`.
        spk_reset: "soft" or "hard"; the values are the same, only the gradient through the reset differs.
        ref_var: also keep the boolean state `refractory`.
        name: name of the module.
        gradient: how the backward pass treats the clamp and the growth factor.

    Every parameter is a quantity, scalar or of shape `in_size`. Except for `tau_ref`, of which whole steps
    are counted, it may be a `brainstate.ParamState` or `brainstate.nn.Param` of one, and is trained.

    States: those of `expifref.ExpIFRef`, and `w` (mA).

    Raises:
        ParameterError: a parameter has the wrong unit, shape or value.
    """

    PARAMETERS = ("R", "tau", "tau_w", "tau_ref", "V_th", "V_reset", "V_rest", "V_T", "delta_T", "a", "b")

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 10.0 * u.ms,
        tau_w: Any = 30.0 * u.ms,
        tau_ref: Any = 1.7 * u.ms,
        V_th: Any = -55.0 * u.mV,
        V_reset: Any = -68.0 * u.mV,
        V_rest: Any = -65.0 * u.mV,
        V_T: Any = -59.9 * u.mV,
        delta_T: Any = 3.48 * u.mV,
        a: Any = 1.0 * u.siemens,
        b: Any = 1.0 * u.mA,
        V_initializer: Callable[..., Any] = _REST,
        w_initializer: Callable[..., Any] = _NONE,
        spk_fun: Surrogate = SURROGATE,
        spk_reset: ResetMode = "soft",
        ref_var: bool = False,
        name: str | None = None,
        *,
        gradient: GradientRules = RULES,
    ) -> None:
        parameters = {
            "R": R,
            "tau": tau,
            "tau_w": tau_w,
            "tau_ref": tau_ref,
            "V_th": V_th,
            "V_reset": V_reset,
            "V_rest": V_rest,
            "V_T": V_T,
            "delta_T": delta_T,
            "a": a,
            "b": b,
        }
        behaviour = Behaviour(V_initializer, spk_fun, spk_reset, gradient)
        Population.__init__(self, in_size, parameters, behaviour, name)
        self.w_initializer = w_initializer
        self.ref_var = ref_var
