"""The gradient of the canonical step: chosen, bounded and separate from the forward values.

The derivative of the true step is useless for training: just below the cutoff one step multiplies a
difference by `exp(z)` with z far above 50, and the clamp then multiplies by zero. So the forward values
come from `canonical_step` alone, and the backward pass follows a path of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from expifref.dynamics import (
    Drive,
    LIFConstants,
    NeuronConstants,
    StepResult,
    canonical_step,
    leaky_step,
    phi,
)
from expifref.exceptions import ParameterError

__all__ = [
    "GradientRules",
    "candidate_path",
    "differentiable_leak",
    "differentiable_step",
    "graft",
    "reset_membrane",
    "settled_path",
    "spike_argument",
]

Values = Float[Array, "*shape"]
"""Of a population, `[..., neurons]`."""

Beside = Float[Array, "*#shape"]
"""What broadcasts to them."""

Surrogate = Callable[[Values], Values]
ResetMode = Literal["soft", "hard"]


@dataclass(frozen=True)
class GradientRules:
    """How the backward pass treats the parts of the step that have no useful derivative.

    `growth_limit` is the largest z = dt * J the backward pass sees: one step multiplies a membrane
    gradient by a factor between 0 and `exp(growth_limit)`.
    """

    clamp: Literal["stop", "pass"] = "stop"  # a clamped candidate hands its gradient on, or not
    phi: Literal["stop", "full"] = "stop"  # the growth factor phi(z) counts as a constant, or not
    growth_limit: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in (("clamp", ("stop", "pass")), ("phi", ("stop", "full"))):
            if getattr(self, name) not in allowed:
                raise ParameterError(
                    f'`{name}` must be "{allowed[0]}" or "{allowed[1]}", not {getattr(self, name)!r}'
                )
        if not 0 <= self.growth_limit <= 20:
            raise ParameterError(f"`growth_limit` must lie between 0 and 20, not {self.growth_limit:g}")


@jax.custom_jvp
def graft(value: Values, path: Values) -> Values:
    """`value` as it is, with the derivative of `path`."""
    del path
    return value


@graft.defjvp
def _graft_jvp(primals: tuple[Values, Values], tangents: tuple[Values, Values]) -> tuple[Values, Values]:
    return primals[0], tangents[1]


def spike_argument(v: Values, v_th: Beside, v_reset: Beside) -> Values:
    """What the surrogate sees: 0 at the cutoff, -1 at reset, dimensionless."""
    return (v - v_th) / (v_th - v_reset)


def reset_membrane(v: Values, constants: NeuronConstants, spk_fun: Surrogate, spk_reset: ResetMode) -> Values:
    """The membrane potential a step starts from: `V_reset` after a spike, else `v`.

    The value is assigned in both modes. With "soft" the gradient is that of `v - (V_th - V_reset) * spike`,
    so it reaches the surrogate; with "hard" a spike ends it.
    """
    c = constants
    spiked = v >= c.v_th
    held = jnp.where(spiked, c.v_reset, v)
    if spk_reset == "hard":
        return held
    return graft(held, v - (c.v_th - c.v_reset) * spk_fun(spike_argument(v, c.v_th, c.v_reset)))


def differentiable_step(
    held: Values,
    refractory: Int[Array, "*shape"],
    drive: Drive,
    constants: NeuronConstants,
    dt: float,
    rules: GradientRules,
) -> StepResult:
    """`canonical_step` in JAX with a bounded gradient to the membrane, the current and the delta input.

    `held` comes from `reset_membrane`; everything else as in `canonical_step`. The gradient, also that to
    parameters that are trained, is finite wherever `held` and `R * current` are.
    """
    c: NeuronConstants = jax.tree.map(jax.lax.stop_gradient, constants)
    result = canonical_step(held, refractory, drive, c, dt, jnp)
    path = candidate_path(held, drive, constants, dt, rules)
    return result._replace(v=graft(result.v, settled_path(path, held, refractory, result.v < c.v_th, rules)))


def candidate_path(
    held: Values, drive: Drive, constants: NeuronConstants, dt: float, rules: GradientRules
) -> Values:
    """A value without meaning whose derivative is the one that `rules` give to the candidate of a step.

    Arguments as in `differentiable_step`.
    """
    fixed = jax.lax.stop_gradient((held, drive.current))
    c: NeuronConstants = jax.tree.map(jax.lax.stop_gradient, constants)
    membrane_factor, current_factor = _factors(*fixed, c, dt, rules)
    path: Values = membrane_factor * held + current_factor * drive.current + drive.delta
    return path + _parameter_path(*fixed, constants, dt, rules)


def differentiable_leak(
    held: Values,
    refractory: Int[Array, "*shape"],
    candidate: Beside,
    constants: LIFConstants,
    rules: GradientRules,
) -> StepResult:
    """`leaky_step` in JAX, whose derivative is that of the step itself; of `rules` only the clamp counts."""
    result = leaky_step(held, refractory, candidate, constants, jnp)
    below = jnp.logical_or(constants.subtracted, result.v < constants.v_th)
    return result._replace(v=graft(result.v, settled_path(candidate, held, refractory, below, rules)))


def settled_path(
    candidate: Values,
    held: Values,
    refractory: Int[Array, "*shape"],
    below: Bool[Array, "*shape"],
    rules: GradientRules,
) -> Values:
    """What the clamp and the refractory period leave of the derivative of `candidate`.

    `below` says where the step ended below the cutoff.
    """
    if rules.clamp == "stop":
        candidate = jnp.where(below, candidate, jax.lax.stop_gradient(candidate))
    return jnp.where(refractory > 0, held, candidate)


def _factors(
    held: Values, current: Beside, c: NeuronConstants, dt: float, rules: GradientRules
) -> tuple[Values, Values]:
    """Derivatives of the candidate with respect to the membrane and the current, with z held at the limit.

    Limiting exp((V - V_T) / delta_T) itself, not only z, keeps both factors those of one smooth step.
    """
    a = dt / c.tau
    exponential = jnp.exp((held - c.v_t) / c.delta_t)
    growth = jnp.minimum(exponential, 1 + rules.growth_limit / a)
    z = a * (growth - 1)
    current_factor = a * phi(z, jnp) * c.resistance
    membrane_factor = jnp.exp(z)  # 1 + a * phi(z) * (growth - 1)
    if rules.phi == "full":
        drift = -(held - c.v_rest) + c.delta_t * growth + c.resistance * current
        slope = jnp.where(exponential > growth, 0.0, a * growth / c.delta_t)
        membrane_factor = membrane_factor + a * _phi_slope(z) * slope * drift
    return jnp.clip(membrane_factor, 0.0, math.exp(rules.growth_limit)), current_factor


def _parameter_path(
    held: Values, current: Beside, c: NeuronConstants, dt: float, rules: GradientRules
) -> Values:
    """The move of a step whose derivative is taken with respect to the parameters alone."""
    a = dt / c.tau
    # Limited before the exponential: beyond, its derivative would be infinite, and 0 times that is NaN.
    growth = jnp.exp(jnp.minimum((held - c.v_t) / c.delta_t, jnp.log1p(rules.growth_limit / a)))
    drift = -(held - c.v_rest) + c.delta_t * growth + c.resistance * current
    move: Values = a * phi(a * (growth - 1), jnp) * drift
    return move


def _phi_slope(z: Values) -> Values:
    """Derivative of phi; its first two Taylor terms where the quotient would cancel."""
    small = jnp.abs(z) < 1e-2
    safe = jnp.where(small, 1.0, z)
    return jnp.where(small, 0.5 + z / 3, (jnp.exp(safe) - phi(safe, jnp)) / safe)
