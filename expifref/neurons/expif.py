"""The exponential integrate-and-fire neurons, without and with a refractory period, as brainstate modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import brainstate
import braintools
import saiunit as u
from jax import Array
from jaxtyping import Float

from expifref.dynamics import Drive, NeuronConstants, StepResult

from .gradient import GradientRules, ResetMode, Surrogate, differentiable_step, reset_membrane
from .parameter_rules import PARAMETERS, check_parameters
from .population import RULES, SURROGATE, Behaviour, Population, Refractory
from .quantities import Kind, time_step

__all__ = ["KINDS", "ExpIF", "ExpIFRef", "check_parameters", "membrane_constants"]

_REST = braintools.init.Constant(-65.0 * u.mV)


class ExpIF(Population):
    """Exponential integrate-and-fire neurons without refractory period.

    A drop-in for `brainpy.state.ExpIF`: `ExpIFRef` with no refractory steps, and without the states for them.
    Arguments, `V` and errors are those of `ExpIFRef`.
    """

    PARAMETERS: ClassVar[tuple[str, ...]] = ("R", "tau", "V_th", "V_reset", "V_rest", "V_T", "delta_T")

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 10.0 * u.ms,
        V_th: Any = -30.0 * u.mV,
        V_reset: Any = -68.0 * u.mV,
        V_rest: Any = -65.0 * u.mV,
        V_T: Any = -59.9 * u.mV,
        delta_T: Any = 3.48 * u.mV,
        V_initializer: Callable[..., Any] = _REST,
        spk_fun: Surrogate = SURROGATE,
        spk_reset: ResetMode = "soft",
        name: str | None = None,
        *,
        gradient: GradientRules = RULES,
    ) -> None:
        parameters = {
            "R": R,
            "tau": tau,
            "V_th": V_th,
            "V_reset": V_reset,
            "V_rest": V_rest,
            "V_T": V_T,
            "delta_T": delta_T,
        }
        super().__init__(in_size, parameters, Behaviour(V_initializer, spk_fun, spk_reset, gradient), name)

    @property
    def span(self) -> Any:
        """The potential by which membranes and drives are measured without a unit."""
        return self.delta_T

    def constants(self, dtype: Any) -> NeuronConstants:
        """The parameters as plain arrays in ms, mV and ohm (see `expifref.neurons.quantities`)."""
        return membrane_constants(self._arrays(dtype), self._refractory_steps())

    def _held(self, v: Float[Array, "*shape"], constants: NeuronConstants) -> Float[Array, "*shape"]:
        return reset_membrane(v, constants, self.spk_fun, self.spk_reset)

    def _advance(self, held: Float[Array, "*shape"], drive: Drive, constants: NeuronConstants) -> StepResult:
        return differentiable_step(held, self._waiting(), drive, constants, time_step(), self.gradient)


class ExpIFRef(Refractory, ExpIF):
    """Exponential integrate-and-fire neurons with an absolute refractory period.

    A drop-in for `brainpy.state.ExpIFRef` (same signature, defaults, states and methods) that keeps what
    its documentation promises: after a spike the membrane stays at `V_reset` for `tau_ref`, it never
    exceeds `V_th`, and it is never NaN. The step is `expifref.dynamics.canonical_step`; the equation is
    Fourcaud-Trocmé et al. (2003), J. Neurosci. 23(37), 11628.

    Args:
        in_size: population geometry, an int or a tuple.
        R: membrane resistance (ohm).
        tau: membrane time constant, above 0 ms.
        tau_ref: absolute refractory period, at least 0 ms; a neuron spikes at most once in it.
        V_th: numerical cutoff where a spike is counted, above `V_reset` and `V_T`.
        V_reset: potential after a spike.
        V_rest: resting potential.
        V_T: threshold of the exponential.
        delta_T: slope factor of the exponential, above 0 mV.
        V_initializer: gives the potential before the first step, below `V_th`.
        spk_fun: surrogate spike function of `(V - V_th) / (V_th - V_reset)`.
        spk_reset: "soft" or "hard"; the values are the same, only the gradient through the reset differs.
        ref_var: also keep the boolean state `refractory`.
        name: name of the module.
        gradient: how the backward pass treats the clamp and the growth factor.

    Every parameter is a quantity, scalar or of shape `in_size`. Except for `tau_ref`, of which whole steps
    are counted, it may be a `brainstate.ParamState` or `brainstate.nn.Param` of one, and is trained.

    States: `V` (mV, at most `V_th`, equal to it exactly at a spike), `refractory_count` (int32, steps still
    to be held at reset), `last_spike_time` (ms; kept only while the environment has a `t`) and, with
    `ref_var`, `refractory`. All have shape `[*in_size]`, or `[batch, *in_size]` after `init_state(batch)`.

    Raises:
        ParameterError: a parameter has the wrong unit, shape or value.
    """

    PARAMETERS = ("R", "tau", "tau_ref", "V_th", "V_reset", "V_rest", "V_T", "delta_T")

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        R: Any = 1.0 * u.ohm,
        tau: Any = 10.0 * u.ms,
        tau_ref: Any = 1.7 * u.ms,
        V_th: Any = -30.0 * u.mV,
        V_reset: Any = -68.0 * u.mV,
        V_rest: Any = -65.0 * u.mV,
        V_T: Any = -59.9 * u.mV,
        delta_T: Any = 3.48 * u.mV,
        V_initializer: Callable[..., Any] = _REST,
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
            "tau_ref": tau_ref,
            "V_th": V_th,
            "V_reset": V_reset,
            "V_rest": V_rest,
            "V_T": V_T,
            "delta_T": delta_T,
        }
        behaviour = Behaviour(V_initializer, spk_fun, spk_reset, gradient)
        Population.__init__(self, in_size, parameters, behaviour, name)
        self.ref_var = ref_var


KINDS: dict[str, Kind] = {name: PARAMETERS[name] for name in ExpIFRef.PARAMETERS}


def membrane_constants(value: dict[str, Array], refractory_steps: Any) -> NeuronConstants:
    """The constants of the canonical step, of parameters by name as plain arrays."""
    return NeuronConstants(
        resistance=value["R"],
        tau=value["tau"],
        v_th=value["V_th"],
        v_reset=value["V_reset"],
        v_rest=value["V_rest"],
        v_t=value["V_T"],
        delta_t=value["delta_T"],
        refractory_steps=refractory_steps,
    )
