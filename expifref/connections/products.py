"""Matrix products and compiled functions whose bits do not depend on the number of cores.

For that, floats have to be summed in one order. On a CPU, XLA hands a product of row-major matrices to
YNNPACK, which sums in one order for any number of threads; a product that reads a matrix transposed goes to
Eigen, which cuts its sums by the number of threads. YNNPACK also takes sums along an axis, alone or with a
product, and cuts those; so it is asked for products alone, and XLA's own code for sums has one order.
Measured, see docs/training.md; releases of JAX before 0.10.1 do not have the choice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

__all__ = ["compile_options", "cores_matter", "product", "transposed"]

Inputs = Float[Array, "*batch inputs"]
Weight = Float[Array, "inputs neurons"]
Product = Float[Array, "*batch neurons"]

_PRODUCTS_ALONE = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}


def compile_options() -> dict[str, Any] | None:
    """What `jax.jit` has to be given as `compiler_options`; None where the choice is not there."""
    return dict(_PRODUCTS_ALONE) if _has_choice() else None


def cores_matter(kernels: bool = False) -> bool:
    """Whether the bits of products and sums, or those of convolutions, depend on the number of cores."""
    return jax.default_backend() == "cpu" and (kernels or not _has_choice())


@cache
def _has_choice() -> bool:
    """Whether this XLA hands products, and nothing else, to YNNPACK."""
    if jax.default_backend() != "cpu":
        return False
    matrix = jnp.zeros((64, 64), jnp.float32)
    probe = jax.jit(_backward, compiler_options=_PRODUCTS_ALONE)
    try:
        text = probe.lower((matrix, matrix), matrix).compile().as_text() or ""
    except jax.errors.JaxRuntimeError:  # no such option
        return False
    return text.count("__ynn_fusion") == 2


@jax.custom_vjp
def product(inputs: Inputs, weight: Weight) -> Product:
    """`inputs @ weight`, differentiable in reverse mode."""
    return inputs @ weight


def transposed(matrix: Float[Array, "rows columns"]) -> Float[Array, "columns rows"]:
    """`matrix.T` as a row-major matrix of its own, which no product reads in another order."""
    copied: Array = jax.lax.optimization_barrier(matrix.T)  # type: ignore[no-untyped-call]  # JAX gives it no types
    return copied


def _forward(inputs: Inputs, weight: Weight) -> tuple[Product, tuple[Inputs, Weight]]:
    return inputs @ weight, (inputs, weight)


def _backward(saved: tuple[Inputs, Weight], gradient: Product) -> tuple[Inputs, Weight]:
    inputs, weight = saved
    rows, flat = (x.reshape(-1, x.shape[-1]) for x in (inputs, gradient))
    return gradient @ transposed(weight), transposed(rows) @ flat


product.defvjp(_forward, _backward)
