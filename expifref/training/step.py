"""The compiled parts of training: one optimizer step, and the prediction of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Int, Num

from expifref.connections.products import compile_options
from expifref.network.decision import Decision
from expifref.network.description import Description
from expifref.network.modules import Frames, Parameters, Run, pure_run

from .losses import answer_loss
from .settings import TrainingSettings

__all__ = [
    "Batch",
    "BatchResult",
    "Carry",
    "Step",
    "batch_loss",
    "make_optimizer",
    "make_predict",
    "make_step",
    "to_natural",
    "to_physical",
]

Labels = Num[Array, " *any"]
Lengths = Int[Array, " batch"]
Rates = Float[Array, " batch"]
Scalar = Float[Array, ""]
Scales = dict[str, float]


class Carry(NamedTuple):
    """What one optimizer step hands to the next. `natural` are the weights divided by their scales."""

    natural: Parameters
    optimizer: optax.OptState


class BatchResult(NamedTuple):
    """The means of one minibatch."""

    loss: Scalar
    accuracy: Scalar  # of real targets R2
    rate: Scalar  # spikes per neuron and step


class Batch(NamedTuple):
    """What one optimizer step learns from."""

    frames: Frames
    labels: Labels  # [batch] or [batch, values], or real targets [..., outputs]
    lengths: Lengths | None  # None: all steps of every sample count


Step = Callable[[Carry, Batch], tuple[Carry, BatchResult]]


def to_natural(values: Parameters, scales: Scales) -> Parameters:
    """Those that have a scale in multiples of it, so that one learning rate serves all units."""
    return {name: values[name] / scale for name, scale in scales.items()}


def to_physical(natural: Parameters, scales: Scales) -> Parameters:
    """The inverse of `to_natural`."""
    return {name: value * scales[name] for name, value in natural.items()}


def make_optimizer(settings: TrainingSettings, batches: int) -> optax.GradientTransformation:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980), its rate falling to 0 along a half cosine."""
    return optax.adam(optax.cosine_decay_schedule(settings.learning_rate, settings.epochs * batches))


def make_step(
    run: Callable[[Parameters, Frames], Run],
    optimizer: optax.GradientTransformation,
    settings: TrainingSettings,
    dt: float,
) -> Step:
    """A compiled function of (carry, batch).

    Args:
        run: the network as a differentiable function of (natural weights, frames).
        optimizer: see `make_optimizer`.
        settings: the penalties.
        dt: step in seconds.
    """

    def loss_of(natural: Parameters, batch: Batch) -> tuple[Scalar, BatchResult]:
        return batch_loss(run(natural, batch.frames), batch, settings, dt)

    def step(carry: Carry, batch: Batch) -> tuple[Carry, BatchResult]:
        gradients, result = jax.grad(loss_of, has_aux=True)(carry.natural, batch)
        updates, state = optimizer.update(gradients, carry.optimizer, carry.natural)
        return Carry(optax.apply_updates(carry.natural, updates), state), result

    return jax.jit(step, compiler_options=compile_options())


def batch_loss(run: Run, batch: Batch, settings: TrainingSettings, dt: float) -> tuple[Scalar, BatchResult]:
    """The loss of the answers, and the penalties that `settings` ask for; `dt` in seconds."""
    decision = Decision(settings.decision, batch.lengths)
    loss, accuracy = answer_loss(settings.loss, decision, run.output, batch.labels)
    if settings.rate_penalty > 0:
        limit = settings.rate_limit * dt  # spikes per step
        excess = [jax.nn.relu(s.mean(axis=(0, 1)) / limit - 1) for s in run.spikes]
        loss = loss + settings.rate_penalty * sum((e**2).mean() for e in excess)
    if settings.drive_penalty > 0:
        excess = [jax.nn.relu(jnp.abs(d) / settings.drive_limit - 1) for d in run.drives]
        loss = loss + settings.drive_penalty * sum((e**2).mean() for e in excess)
    return loss, BatchResult(loss, accuracy, _rates(run.spikes).mean())


def make_predict(
    description: Description, scales: Scales, decision: str
) -> Callable[[Parameters, Frames, Lengths | None], tuple[Labels, Labels, Rates]]:
    """A compiled function of (natural weights, frames, lengths).

    It gives the classes, the values, and spikes per neuron and step.
    """

    def predict(natural: Parameters, frames: Frames, lengths: Lengths | None) -> tuple[Labels, Labels, Rates]:
        run = pure_run(description, to_physical(natural, scales), frames)
        rule = Decision(decision, lengths)
        return rule.classes(run.output), rule.values(run.output), _rates(run.spikes)

    return jax.jit(predict, compiler_options=compile_options())


def _rates(spikes: tuple[Float[Array, "steps batch _neurons"], ...]) -> Rates:
    """Spikes per hidden neuron and step of each sample."""
    return jnp.concatenate(spikes, axis=-1).mean(axis=(0, -1))
