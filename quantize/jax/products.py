"""Exact matrix products of integers in JAX, under a proven bound.

Everything runs inside `jax.enable_x64(True)`, so that single products may be formed in int64; the dtypes
are explicit, so nothing else becomes wider by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int, Int8, Int32, Real
from numpy.typing import NDArray

from expifref.connections.blocks import row_blocks
from quantize.numbers.arrays import column_sums, extremes
from quantize.numbers.intervals import Interval

from .shapes import Held, Weights

__all__ = ["Form", "Matrix", "Product", "limbs", "matmul", "plan_product"]

_FLOAT_BITS = 24
"""float32 holds every integer of this many bits, so a sum that stays below is exact in any order."""

_INT32_BITS = 31
"""A sum of magnitudes below this cannot leave int32."""

_INT8 = Interval(-128, 127)

Matrix = TypeVar("Matrix", Array, np.ndarray)


class Form(Enum):
    """What a product is formed in."""

    INT8 = "int8"  # int8 by int8, added in int32
    FLOAT32 = "float32"
    WORD = "word"  # integers of the accumulator's word: slow, and always exact


@dataclass(frozen=True)
class Product:
    """How a product of integers is formed."""

    form: Form
    bits: int = 0  # FLOAT32: of each part that weights are cut into
    count: int = 1  # FLOAT32: parts, each with a product of its own
    offset: int = 0  # INT8: taken from the inputs; the product with it is added again


def plan_product(weight: NDArray[np.signedinteger], inputs: Interval) -> Product:
    """The cheapest product of values in `inputs` with `weight` `[inputs, units]` that is proven exact.

    int8 takes 0.6 of the time of float32 on a CPU (784 x 512, a batch of 3200, and 4096 x 4096, batches of
    64 and 1024, XLA of jaxlib 0.10) and a quarter of the memory.

    Args:
        weight: of any signed integer dtype.
    """
    lowest, highest = extremes(weight)
    narrow = _INT8.lo <= lowest and highest <= _INT8.hi
    if narrow and inputs.hi - inputs.lo <= _INT8.hi - _INT8.lo:
        fits = _INT8.lo <= inputs.lo and inputs.hi <= _INT8.hi
        offset = 0 if fits else inputs.lo - _INT8.lo
        largest = max(high - low for low, high in zip(*column_sums(weight), strict=True))
        if largest * max(_magnitude(inputs), abs(offset), -_INT8.lo if offset else 0) < 1 << _INT32_BITS:
            return Product(Form.INT8, offset=offset)
    width = max(highest.bit_length(), (-lowest).bit_length()) + 1
    for count in range(1, width + 1):
        plan = Product(Form.FLOAT32, -(-width // count), count)
        if _largest_sum(weight, plan) * _magnitude(inputs) < 1 << _FLOAT_BITS:
            return plan
    return Product(Form.WORD)


def limbs(
    weight: Int[Matrix, "inputs units"], plan: Product, dtype: Any
) -> Real[Matrix, "parts inputs units"]:
    """`weight`, of any signed integer dtype, in the form that `matmul` takes.

    Returns a NumPy array for a NumPy array, which is `weight` itself where it has that form, else a JAX one.
    """
    if plan.form is not Form.FLOAT32:
        return weight.astype(np.int8 if plan.form is Form.INT8 else dtype, copy=False)[np.newaxis]
    if not isinstance(weight, np.ndarray):
        return jnp.stack([part.astype(jnp.float32) for part in _parts(weight, plan)])
    cut = np.empty((plan.count, *weight.shape), np.float32)
    for rows, block in row_blocks(weight):
        cut[:, rows] = _parts(block.astype(np.int64), plan)
    return cut


def matmul(
    inputs: Real[Array, "*samples inputs"], parts: Weights, plan: Product, dtype: Any
) -> Int[Array, "*samples units"]:
    """`inputs @ weight`, of each group its own, as integers of `dtype`; `inputs` are whole numbers."""
    if plan.form is Form.WORD:
        return jnp.matmul(inputs.astype(dtype), parts[0])
    if plan.form is Form.INT8:
        return _int8_product(inputs, parts[0], plan.offset).astype(dtype)
    real = inputs.astype(jnp.float32)
    products = [
        jnp.matmul(real, parts[k], precision=jax.lax.Precision.HIGHEST).astype(dtype) << (k * plan.bits)
        for k in range(plan.count)
    ]
    total = products[0]
    for product in products[1:]:
        total = total + product
    return total


def _int8_product(
    inputs: Real[Array, "*samples inputs"], weight: Int8[Held, "*_groups inputs units"], offset: int
) -> Int32[Array, "*samples units"]:
    if not offset:
        return jnp.matmul(inputs.astype(jnp.int8), weight, preferred_element_type=jnp.int32)
    shifted = (inputs.astype(jnp.int32) - offset).astype(jnp.int8)
    product = jnp.matmul(shifted, weight, preferred_element_type=jnp.int32)
    return product + offset * jnp.sum(weight, axis=-2, dtype=jnp.int32, keepdims=weight.ndim > 2)


def _magnitude(inputs: Interval) -> int:
    return max(abs(inputs.lo), abs(inputs.hi))


def _largest_sum(weight: NDArray[np.signedinteger], plan: Product) -> int:
    """The largest sum of magnitudes in a column of any part that `plan` cuts `weight` into."""
    sums = np.zeros((plan.count, weight.shape[1]), np.int64)
    for _, block in row_blocks(weight):
        sums += [np.abs(part).sum(axis=0) for part in _parts(block.astype(np.int64), plan)]
    return int(sums.max())


def _parts(weight: Any, plan: Product) -> list[Any]:
    """The parts of `weight = sum_k part[k] << (k * bits)`; all but the last are not negative."""
    low = [(weight >> (k * plan.bits)) & ((1 << plan.bits) - 1) for k in range(plan.count - 1)]
    return [*low, weight >> ((plan.count - 1) * plan.bits)]
