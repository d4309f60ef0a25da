"""The exponential integrate-and-fire neuron with an absolute refractory period, as a brainstate module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from jax import Array
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from .dynamics import NeuronConstants, refractory_steps
from .exceptions import ParameterError
from .gradient import GradientRules, ResetMode, Surrogate, differentiable_step, reset_membrane, spike_argument
from .inputs import RegisteredInputs
from .quantities import (
    CURRENT,
    POTENTIAL,
    RESISTANCE,
    TIME,
    Kind,
    check_shape,
    check_values,
    decimal,
    is_traced,
    time_step,
)

__all__ = ["KINDS", "ExpIFRef", "check_parameters"]

KINDS: dict[str, Kind] = {
    "R": RESISTANCE,
    "tau": TIME,
    "tau_ref": TIME,
    "V_th": POTENTIAL,
    "V_reset": POTENTIAL,
    "V_rest": POTENTIAL,
    "V_T": POTENTIAL,
    "delta_T": POTENTIAL,
}

_REST = braintools.init.Constant(-65.0 * u.mV)
_SURROGATE = braintools.surrogate.ReluGrad()
_RULES = GradientRules()
_NEVER = braintools.init.Constant(-1e7 * u.ms)
_NOT_REFRACTORY = braintools.init.Constant(False)


class ExpIFRef(RegisteredInputs, brainstate.nn.Dynamics):
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

    Every parameter is a quantity, scalar or of shape `in_size`; it is a constant of the training.

    States: `V` (mV, at most `V_th`, equal to it exactly at a spike), `refractory_count` (int32, steps still
    to be held at reset), `last_spike_time` (ms; kept only while the environment has a `t`) and, with
    `ref_var`, `refractory`. All have shape `[*in_size]`, or `[batch, *in_size]` after `init_state(batch)`.

    Raises:
        ParameterError: a parameter has the wrong unit, shape or value.
    """

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
        spk_fun: Surrogate = _SURROGATE,
        spk_reset: ResetMode = "soft",
        ref_var: bool = False,
        name: str | None = None,
        *,
        gradient: GradientRules = _RULES,
    ) -> None:
        super().__init__(in_size, name=name)
        if spk_reset not in ("soft", "hard"):
            raise ParameterError(f'`spk_reset` must be "soft" or "hard", not {spk_reset!r}')
        self.spk_fun = spk_fun
        self.spk_reset: ResetMode = spk_reset
        self.gradient = gradient
        self.R = _drawn(R, self.varshape)
        self.tau = _drawn(tau, self.varshape)
        self.tau_ref = _drawn(tau_ref, self.varshape)
        self.V_th = _drawn(V_th, self.varshape)
        self.V_reset = _drawn(V_reset, self.varshape)
        self.V_rest = _drawn(V_rest, self.varshape)
        self.V_T = _drawn(V_T, self.varshape)
        self.delta_T = _drawn(delta_T, self.varshape)
        self.V_initializer = V_initializer
        self.ref_var = ref_var
        check_parameters(self._decimals(), self.varshape)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states, `[*in_size]` or `[batch_size, *in_size]`."""
        del kwargs
        self.V = brainstate.HiddenState(self._initial_v(batch_size))
        self.last_spike_time = brainstate.ShortTermState(self._filled(_NEVER, batch_size))
        self.refractory_count = brainstate.ShortTermState(self._zero_count(batch_size))
        if self.ref_var:
            self.refractory = brainstate.HiddenState(self._filled(_NOT_REFRACTORY, batch_size))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Put the states back to where `init_state` leaves them."""
        del kwargs
        self.V.value = self._initial_v(batch_size)
        self.last_spike_time.value = self._filled(_NEVER, batch_size)
        self.refractory_count.value = self._zero_count(batch_size)
        if self.ref_var:
            self.refractory.value = self._filled(_NOT_REFRACTORY, batch_size)

    def get_spike(self, V: Float[u.Quantity, "*shape"] | None = None) -> Float[Array, "*shape"]:
        """Spikes (1.0 or 0.0) of the potential `V`, by default the present, differentiable by `spk_fun`."""
        v = jnp.asarray(decimal("V", self.V.value if V is None else V, POTENTIAL))
        v_th = jnp.asarray(decimal("V_th", self.V_th, POTENTIAL), v.dtype)
        v_reset = jnp.asarray(decimal("V_reset", self.V_reset, POTENTIAL), v.dtype)
        return self.spk_fun(spike_argument(v, v_th, v_reset))

    def update(self, x: Any = 0.0 * u.mA) -> Float[Array, "*shape"]:
        """Advance by one step of the environment's `dt` under the current `x`; returns the spikes.

        Registered current inputs are added to `x`. A callable gets the potential at the start of the
        step, and its current is held over the step.
        """
        last_v = decimal("V", self.V.value, POTENTIAL)
        constants = self.constants(last_v.dtype)
        held = reset_membrane(last_v, constants, self.spk_fun, self.spk_reset)
        current = self._input(self.sum_current_inputs(x, held * u.mV), "x", CURRENT, held)
        delta = self._input(self.sum_delta_inputs(0.0 * u.mV), "delta input", POTENTIAL, held)

        count = self.refractory_count.value
        step = differentiable_step(held, count, current, delta, constants, time_step(), self.gradient)
        self.V.value = step.v * u.mV
        self.refractory_count.value = step.refractory
        self._record(step.spikes, count > 0)
        return self.get_spike()

    def constants(self, dtype: Any) -> NeuronConstants:
        """The parameters as plain arrays in ms, mV and ohm (see `expifref.quantities`)."""
        number = self._decimals()
        values = {name: jnp.asarray(value, dtype) for name, value in number.items() if name != "tau_ref"}
        return NeuronConstants(
            resistance=values["R"],
            tau=values["tau"],
            v_th=values["V_th"],
            v_reset=values["V_reset"],
            v_rest=values["V_rest"],
            v_t=values["V_T"],
            delta_t=values["delta_T"],
            refractory_steps=_count_steps(number["tau_ref"], time_step()),
        )

    def _decimals(self) -> dict[str, Any]:
        return {name: decimal(name, getattr(self, name), kind) for name, kind in KINDS.items()}

    def _initial_v(self, batch_size: int | None) -> Float[u.Quantity, "*shape"]:
        v = decimal("V_initializer", self._filled(self.V_initializer, batch_size), POTENTIAL)
        if not is_traced(v):
            below = np.asarray(v) < np.asarray(decimal("V_th", self.V_th, POTENTIAL))
            check_values("V_initializer", v, below, "below `V_th`", POTENTIAL)
        return v * u.mV

    def _filled(self, initializer: Callable[..., Any], batch_size: int | None) -> Any:
        return braintools.init.param(initializer, self.varshape, batch_size)

    def _zero_count(self, batch_size: int | None) -> Int[Array, "*shape"]:
        batch = () if batch_size is None else (batch_size,)
        return jnp.zeros((*batch, *self.varshape), jnp.int32)

    def _input(
        self, value: Any, name: str, kind: Kind, held: Float[Array, "*shape"]
    ) -> Float[Array, "*#shape"]:
        number = jnp.asarray(decimal(name, value, kind), held.dtype)
        check_shape(name, number, held.shape)
        return number

    def _record(self, spikes: Bool[Array, "*shape"], was_refractory: Bool[Array, "*shape"]) -> None:
        if self.ref_var:
            self.refractory.value = was_refractory | spikes
        t = brainstate.environ.get("t", None)
        if t is None:  # the dynamics count steps, so they need no clock
            return
        last = decimal("last_spike_time", self.last_spike_time.value, TIME)
        now = jnp.asarray(decimal("t", t, TIME), last.dtype)
        self.last_spike_time.value = jnp.where(spikes, now, last) * u.ms


def _drawn(parameter: Any, shape: tuple[int, ...]) -> Any:
    return parameter(shape) if callable(parameter) else parameter


def _count_steps(tau_ref: Any, dt: float) -> NDArray[np.int32]:
    if is_traced(tau_ref):
        raise ParameterError("`tau_ref` must be a concrete time, not a traced value: whole steps are counted")
    periods = np.asarray(tau_ref)
    counts = [refractory_steps(float(period), dt) for period in periods.flat]
    return np.array(counts, np.int32).reshape(periods.shape)


def check_parameters(number: dict[str, Any], shape: tuple[int, ...], prefix: str = "") -> None:
    """Raise ParameterError where the parameters of a population, in the units of `KINDS`, break their rules.

    `prefix` goes before each parameter's name in the message. Traced values pass: they have no numbers yet.
    """
    for name, value in number.items():
        check_shape(prefix + name, value, shape)
    if any(is_traced(value) for value in number.values()):
        return
    value = {name: np.asarray(number[name]) for name in number}
    for name, kind in KINDS.items():
        check_values(prefix + name, value[name], np.isfinite(value[name]), "finite", kind)
    rules = (
        ("tau", value["tau"] > 0, "above 0 ms"),
        ("tau_ref", value["tau_ref"] >= 0, "at least 0 ms"),
        ("delta_T", value["delta_T"] > 0, "above 0 mV"),
        ("V_reset", value["V_reset"] < value["V_th"], "below `V_th`"),
        ("V_T", value["V_T"] < value["V_th"], "below `V_th`"),
    )
    for name, kept, rule in rules:
        check_values(prefix + name, value[name], kept, rule, KINDS[name])
