"""What all neuron models share: parameters, states, inputs, spikes, and the order of a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from jax import Array
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from expifref.dynamics import Drive, StepResult, refractory_steps
from expifref.exceptions import ParameterError

from .gradient import GradientRules, ResetMode, Surrogate, spike_argument
from .inputs import RegisteredInputs
from .parameter_rules import PARAMETERS, check_parameters
from .quantities import (
    CURRENT,
    POTENTIAL,
    TIME,
    Kind,
    check_shape,
    check_values,
    decimal,
    is_traced,
    time_step,
)
from .upstream import Neuron

__all__ = ["RULES", "SURROGATE", "Behaviour", "Population", "Refractory"]

SURROGATE = braintools.surrogate.ReluGrad()
RULES = GradientRules()
_NEVER = braintools.init.Constant(-1e7 * u.ms)
_NOT_REFRACTORY = braintools.init.Constant(False)


@dataclass(frozen=True)
class Behaviour:
    """What a population has beside the parameters of its equation."""

    V_initializer: Callable[..., Any]
    spk_fun: Surrogate
    spk_reset: ResetMode
    gradient: GradientRules


class Population(RegisteredInputs, Neuron):
    """Neurons with a membrane potential `V` (mV), without refractory period.

    A model names its parameters in `PARAMETERS`, and gives their plain arrays (`constants`), the potential
    that a step starts from (`_held`) and what the step does (`_advance`).
    """

    PARAMETERS: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        in_size: brainstate.typing.Size,
        parameters: dict[str, Any],
        behaviour: Behaviour,
        name: str | None,
    ) -> None:
        super().__init__(in_size, name=name)
        if behaviour.spk_reset not in ("soft", "hard"):
            raise ParameterError(f'`spk_reset` must be "soft" or "hard", not {behaviour.spk_reset!r}')
        self.spk_fun = behaviour.spk_fun
        self.spk_reset: ResetMode = behaviour.spk_reset
        self.gradient = behaviour.gradient
        self.V_initializer = behaviour.V_initializer
        for parameter, value in parameters.items():
            drawn = callable(value) and not isinstance(value, brainstate.nn.Param)
            setattr(self, parameter, value(self.varshape) if drawn else value)
        check_parameters(self._decimals(), self.varshape)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states, `[*in_size]` or `[batch_size, *in_size]`."""
        del kwargs
        self.V = brainstate.HiddenState(self._initial_v(batch_size))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Put the states back to where `init_state` leaves them."""
        del kwargs
        self.V.value = self._initial_v(batch_size)

    def get_spike(self, V: Float[u.Quantity, "*shape"] | None = None) -> Float[Array, "*shape"]:
        """Spikes (1.0 or 0.0) of the potential `V`, by default the present, differentiable by `spk_fun`."""
        v = jnp.asarray(decimal("V", self.V.value if V is None else V, POTENTIAL))
        v_th, v_reset = (jnp.asarray(self._decimal(name), v.dtype) for name in ("V_th", "V_reset"))
        return self.spk_fun(spike_argument(v, v_th, v_reset))

    def update(self, x: Any = 0.0 * u.mA) -> Float[Array, "*shape"]:
        """Advance by one step of the environment's `dt` under the current `x`; returns the spikes.

        Registered current inputs are added to `x`. A callable gets the potential at the start of the
        step, and its current is held over the step.
        """
        last_v = decimal("V", self.V.value, POTENTIAL)
        constants = self.constants(last_v.dtype)
        held = self._held(last_v, constants)
        current = self._input(self.sum_current_inputs(x, held * u.mV), "x", CURRENT, held)
        delta = self._input(self.sum_delta_inputs(0.0 * u.mV), "delta input", POTENTIAL, held)
        step = self._advance(held, Drive(current, delta), constants)
        self.V.value = step.v * u.mV
        self._record(step)
        return self.get_spike()

    @property
    @abstractmethod
    def span(self) -> Any:
        """The potential by which membranes and drives are measured without a unit."""

    @abstractmethod
    def constants(self, dtype: Any) -> Any:
        """The parameters as plain arrays in ms, mV, mA, ohm and S (see `expifref.neurons.quantities`)."""

    @abstractmethod
    def _held(self, v: Float[Array, "*shape"], constants: Any) -> Float[Array, "*shape"]: ...

    @abstractmethod
    def _advance(self, held: Float[Array, "*shape"], drive: Drive, constants: Any) -> StepResult: ...

    def _waiting(self) -> Int[Array, "*shape"]:
        """Refractory steps still to come."""
        return jnp.zeros(self.V.value.shape, jnp.int32)

    def _refractory_steps(self) -> NDArray[np.int32]:
        return np.zeros((), np.int32)

    def _record(self, step: StepResult) -> None:
        """Keep what a step leaves beside the membrane."""

    def _decimals(self) -> dict[str, Any]:
        return {name: self._decimal(name) for name in self.PARAMETERS}

    def _decimal(self, name: str) -> Any:
        """The number of a parameter, which may be one that is trained."""
        parameter = getattr(self, name)
        if isinstance(parameter, brainstate.nn.Param):
            parameter = parameter.value()
        elif isinstance(parameter, brainstate.State):
            parameter = parameter.value
        return decimal(name, parameter, PARAMETERS[name])

    def _arrays(self, dtype: Any) -> dict[str, Array]:
        """The parameters that are no counts, by name."""
        number = self._decimals()
        return {name: jnp.asarray(number[name], dtype) for name in number if name != "tau_ref"}

    def _initial_v(self, batch_size: int | None) -> Float[u.Quantity, "*shape"]:
        v = decimal("V_initializer", self._filled(self.V_initializer, batch_size), POTENTIAL)
        if not is_traced(v):
            below = np.asarray(v) < np.asarray(self._decimal("V_th"))
            check_values("V_initializer", v, below, "below `V_th`", POTENTIAL)
        return v * u.mV

    def _filled(self, initializer: Callable[..., Any], batch_size: int | None) -> Any:
        return braintools.init.param(initializer, self.varshape, batch_size)

    def _input(
        self, value: Any, name: str, kind: Kind, held: Float[Array, "*shape"]
    ) -> Float[Array, "*#shape"]:
        number = jnp.asarray(decimal(name, value, kind), held.dtype)
        check_shape(name, number, held.shape)
        return number


class Refractory(Population):
    """Neurons with an absolute refractory period `tau_ref` too, counted in whole steps."""

    ref_var = False

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states, `[*in_size]` or `[batch_size, *in_size]`."""
        super().init_state(batch_size, **kwargs)
        self.last_spike_time = brainstate.ShortTermState(self._filled(_NEVER, batch_size))
        self.refractory_count = brainstate.ShortTermState(self._zero_count(batch_size))
        if self.ref_var:
            self.refractory = brainstate.HiddenState(self._filled(_NOT_REFRACTORY, batch_size))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Put the states back to where `init_state` leaves them."""
        super().reset_state(batch_size, **kwargs)
        self.last_spike_time.value = self._filled(_NEVER, batch_size)
        self.refractory_count.value = self._zero_count(batch_size)
        if self.ref_var:
            self.refractory.value = self._filled(_NOT_REFRACTORY, batch_size)

    def recount(self, t: Any) -> None:
        """Set `refractory_count` to what `last_spike_time` leaves of it for a next step at the time `t`."""
        last = np.asarray(decimal("last_spike_time", self.last_spike_time.value, TIME), np.float64)
        elapsed = np.rint((float(decimal("t", t, TIME)) - last) / time_step())
        most = self._refractory_steps()
        left = np.clip(most - (elapsed - 1), 0, most)
        self.refractory_count.value = jnp.asarray(left, jnp.int32)

    def _zero_count(self, batch_size: int | None) -> Int[Array, "*shape"]:
        batch = () if batch_size is None else (batch_size,)
        return jnp.zeros((*batch, *self.varshape), jnp.int32)

    def _waiting(self) -> Int[Array, "*shape"]:
        count: Int[Array, "*shape"] = self.refractory_count.value
        return count

    def _refractory_steps(self) -> NDArray[np.int32]:
        return _count_steps(self._decimal("tau_ref"), time_step())

    def _record(self, step: StepResult) -> None:
        was_refractory: Bool[Array, "*shape"] = self.refractory_count.value > 0
        self.refractory_count.value = step.refractory
        if self.ref_var:
            self.refractory.value = was_refractory | step.spikes
        t = brainstate.environ.get("t", None)
        if t is None:  # the dynamics count steps, so they need no clock
            return
        last = decimal("last_spike_time", self.last_spike_time.value, TIME)
        now = jnp.asarray(decimal("t", t, TIME), last.dtype)
        self.last_spike_time.value = jnp.where(step.spikes, now, last) * u.ms


def _count_steps(tau_ref: Any, dt: float) -> NDArray[np.int32]:
    if is_traced(tau_ref):
        raise ParameterError("`tau_ref` must be a concrete time, not a traced value: whole steps are counted")
    periods = np.asarray(tau_ref)
    counts = [refractory_steps(float(period), dt) for period in periods.flat]
    return np.array(counts, np.int32).reshape(periods.shape)
