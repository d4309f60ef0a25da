"""Exact integer arithmetic in JAX: overflow at a site, and matrix products under a proven bound.

Everything runs inside `jax.enable_x64(True)`, so that single products may be formed in int64; the dtypes
are explicit, so nothing else becomes wider by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quantize.arrays import Integers
from quantize.formats import Format, Overflow, Quantizer, round_shift

__all__ = ["Product", "limbs", "matmul", "overflow", "plan_product", "requantize"]

Array = Any  # a JAX array or tracer

_EXACT_BITS = 24
"""float32 holds every integer of this many bits, so a sum that stays below is exact in any order."""


@dataclass(frozen=True)
class Product:
    """How a product of integers is formed: as `count` float32 products of weight parts of `bits` bits.

    `count` 0 is a product in integers, slow and always exact.
    """

    bits: int
    count: int


def plan_product(weight: Integers, hi: int) -> Product:
    """The cheapest product of inputs `0 .. hi` with `weight` `[inputs, neurons]` that is proven exact."""
    width = max(int(weight.max()).bit_length(), (-int(weight.min())).bit_length()) + 1
    for count in range(1, width + 1):
        bits = -(-width // count)
        plan = Product(bits, count)
        if all(int(np.abs(part).sum(axis=0).max()) * hi < 1 << _EXACT_BITS for part in _parts(weight, plan)):
            return plan
    return Product(width, 0)


def limbs(weight: Array, plan: Product, dtype: Any, xp: ModuleType) -> Array:
    """`weight` in the form that `matmul` takes: float32 `[count, inputs, neurons]`, or integers of `dtype`.

    `xp` is `numpy` or `jax.numpy`.
    """
    if plan.count == 0:
        return weight.astype(dtype)[None]
    return xp.stack([part.astype(xp.float32) for part in _parts(weight, plan)])


def matmul(inputs: Array, parts: Array, plan: Product, dtype: Any) -> Array:
    """`inputs @ weight` as integers of `dtype`; `inputs` `[..., inputs]` are whole numbers `0 .. hi`."""
    if plan.count == 0:
        return jnp.matmul(inputs.astype(dtype), parts[0])
    real = inputs.astype(jnp.float32)
    total: Array = 0
    for k in range(plan.count):
        part = jnp.matmul(real, parts[k], precision=jax.lax.Precision.HIGHEST).astype(dtype)
        total = total + (part << (k * plan.bits))
    return total


def overflow(value: Array, fmt: Format, mode: Overflow) -> Array:
    """Spec 3; what a word cannot leave anyway is not looked at."""
    word = np.iinfo(value.dtype)
    if fmt.lo <= word.min and word.max <= fmt.hi:
        return value
    if mode is Overflow.SAT:
        return jnp.clip(value, max(fmt.lo, word.min), min(fmt.hi, word.max))
    return ((value - fmt.lo) & ((1 << fmt.bits) - 1)) + fmt.lo


def requantize(value: Array, shift: int, site: Quantizer, dtype: Any) -> Array:
    """Spec 3, `value` in any word, the result in `dtype`."""
    return overflow(round_shift(value, shift, site.rounding), site.format, site.overflow).astype(dtype)


def _parts(weight: Any, plan: Product) -> list[Any]:
    """The parts of `weight = sum_k part[k] << (k * bits)`; all but the last are not negative."""
    low = [(weight >> (k * plan.bits)) & ((1 << plan.bits) - 1) for k in range(plan.count - 1)]
    return [*low, weight >> ((plan.count - 1) * plan.bits)]
