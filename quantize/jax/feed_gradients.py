"""The way back through the weights of one feed, to them and to what it saw.

A kernel is as trained as a matrix: what its places hand back is added up by the product itself.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp

from expifref.connections.kernels import convolution
from expifref.connections.products import transposed

from .plan import FeedPlan
from .shapes import CodeWeights, Gradient, Seen

__all__ = ["back_to_source", "back_to_weight"]


def back_to_weight(one: FeedPlan, seen: Seen, gradient: Gradient) -> CodeWeights:
    """The gradient of the weights, from that of the sums of what `one` saw in the same steps."""
    window = one.window
    rows, flat = (x.reshape(-1, x.shape[-1]) for x in (seen.astype(jnp.float32), gradient))
    if window is None:
        return transposed(rows) @ flat
    nothing = jnp.zeros((window.rows, window.outputs), jnp.float32)
    (found,) = jax.vjp(lambda kernel: convolution(window, rows, kernel), nothing)[1](flat)
    weight: CodeWeights = found
    return weight


def back_to_source(one: FeedPlan, weight: CodeWeights) -> Callable[[Gradient], Gradient]:
    """What makes the gradient of what `one` saw out of that of its sums."""
    window = one.window
    if window is None:
        back = transposed(weight)
        return lambda gradient: gradient @ back

    def through(gradient: Gradient) -> Gradient:
        nothing = jnp.zeros((*gradient.shape[:-1], window.sources), jnp.float32)
        (found,) = jax.vjp(lambda seen: convolution(window, seen, weight), nothing)[1](gradient)
        values: Gradient = found
        return values

    return through
