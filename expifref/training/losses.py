"""What training descends on: how far answers are from labels or from targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float, Num

from expifref.network.decision import Decision

__all__ = ["answer_loss"]

Scalar = Float[Array, ""]


def answer_loss(
    loss: str, decision: Decision, output: Float[Array, "steps batch outputs"], labels: Num[Array, " *any"]
) -> tuple[Scalar, Scalar]:
    """The mean loss of all answers that count, and how good they are.

    Args:
        loss: `cross-entropy` of classes, or `mse`, of classes that of the distance from one-hot.
        decision: how `output` becomes answers.
        output: of the last layer.
        labels: classes `[batch]` or `[batch, steps]`, or real targets `[..., outputs]`.

    The second number is the share of right classes, or R2 of real targets.
    """
    answers, wanted = decision.values(output), decision.wanted(labels, len(output))
    counted = decision.counted(len(output))
    if jnp.issubdtype(wanted.dtype, jnp.floating):
        error = ((answers - wanted) ** 2).mean(axis=-1)
        return _mean(error, counted), _explained(error, wanted, counted)
    right = (answers.argmax(axis=-1) == wanted).astype(answers.dtype)
    if loss == "mse":
        each = ((answers - jax.nn.one_hot(wanted, answers.shape[-1])) ** 2).mean(axis=-1)
    else:
        each = optax.softmax_cross_entropy_with_integer_labels(answers, wanted)
    return _mean(each, counted), _mean(right, counted)


def _mean(values: Float[Array, " *any"], counted: Array | None) -> Scalar:
    if counted is None:
        return values.mean()
    return jnp.where(counted, values, 0).sum() / counted.sum()


def _explained(error: Float[Array, " *any"], wanted: Array, counted: Array | None) -> Scalar:
    """The share of the variance of what is wanted that the answers explain."""
    parts = [_mean(wanted[..., index], counted) for index in range(wanted.shape[-1])]
    spread = _mean(((wanted - jnp.stack(parts)) ** 2).mean(axis=-1), counted)
    return 1 - _mean(error, counted) / jnp.where(spread > 0, spread, 1)
