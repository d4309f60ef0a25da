"""Matrix products and compiled functions whose bits do not depend on the number of cores.

Floats have to be summed in one order for that. On a CPU, XLA hands a product of row-major matrices to
YNNPACK, which sums in one order for any number of threads; a product that reads a matrix transposed goes to
Eigen, which cuts its sums by the number of threads. YNNPACK also takes sums along an axis, and cuts those,
so it is asked for products alone; XLA's own code for sums has one order. Measured for jax 0.8.3 to 0.12,
see docs/training.md; earlier ones have no such choice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["compile_options", "cores_matter", "product", "transposed"]

Array = Any  # a JAX array or tracer

_PRODUCTS_ALONE = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_DOT"}


@cache
def compile_options() -> dict[str, Any] | None:
    """What `jax.jit` has to be given as `compiler_options`; None where XLA knows no such option."""
    try:
        jax.jit(jnp.negative, compiler_options=_PRODUCTS_ALONE)(0.0)
    except jax.errors.JaxRuntimeError:
        return None
    return _PRODUCTS_ALONE


@cache
def cores_matter() -> bool:
    """Whether this installation of JAX forms products whose bits depend on the number of cores."""
    if jax.default_backend() != "cpu":
        return False
    matrix = jnp.zeros((64, 64), jnp.float32)
    compiled = (
        jax.jit(_backward, compiler_options=compile_options()).lower((matrix, matrix), matrix).compile()
    )
    return "ynn_fusion" not in (compiled.as_text() or "")


@jax.custom_vjp
def product(inputs: Array, weight: Array) -> Array:
    """`inputs @ weight`, `[..., inputs]` by `[inputs, neurons]`, for differentiation in reverse mode."""
    return inputs @ weight


def transposed(matrix: Array) -> Array:
    """`matrix.T` as a row-major matrix of its own, which no product reads in another order."""
    return jax.lax.optimization_barrier(matrix.T)  # type: ignore[no-untyped-call]


def _forward(inputs: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    return inputs @ weight, (inputs, weight)


def _backward(saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    inputs, weight = saved
    rows, flat = (x.reshape(-1, x.shape[-1]) for x in (inputs, gradient))
    return gradient @ transposed(weight), transposed(rows) @ flat


product.defvjp(_forward, _backward)
