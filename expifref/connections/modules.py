"""Feeds as brainstate modules: a dense matrix, or a kernel that goes over a plane."""

from __future__ import annotations

from typing import Any

import brainstate
import saiunit as u
from jax import Array
from jaxtyping import Float

from .kernels import convolution
from .products import product
from .windows import Window

__all__ = ["Convolution", "feed_module", "weighted"]


class Convolution(brainstate.nn.Module):
    """The kernel `[rows, outputs]` and the bias `[units]`, if there is one, in `weight` as in a Linear."""

    def __init__(self, window: Window, kernel: Any, bias: Any) -> None:
        super().__init__()
        self.window = window
        self.weight = brainstate.ParamState({"weight": kernel} | ({} if bias is None else {"bias": bias}))

    def update(self, signal: Float[Array, "*batch inputs"]) -> Float[Any, "*batch units"]:
        """The sums for every unit."""
        return weighted(self, signal)


def feed_module(window: Window | None, weight: Any, bias: Any) -> brainstate.nn.Module:
    """A feed with this weight, an array or a quantity, and bias; a Linear where there is no window."""
    if window is not None:
        return Convolution(window, weight, bias)
    return brainstate.nn.Linear(*weight.shape, w_init=weight, b_init=bias)


def weighted(module: Any, signal: Float[Array, "*batch inputs"]) -> Float[Any, "*batch units"]:
    """`module(signal)`, by the product whose bits do not depend on the number of cores."""
    values = module.weight.value
    weight, bias = values["weight"], values.get("bias", 0.0)
    number, unit = (weight.mantissa, weight.unit) if isinstance(weight, u.Quantity) else (weight, None)
    if isinstance(module, Convolution):
        total = convolution(module.window, signal, number)
    else:
        total = product(signal, number)
    if unit is None:
        return total + bias
    return total * unit + bias if "bias" in values else total * unit
