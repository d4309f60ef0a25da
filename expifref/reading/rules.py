"""Which JAX primitives are affine, and in which of their operands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

__all__ = ["MAXIMUM", "MOVES", "NESTED", "ONE_BY_ONE", "is_affine", "sums"]

_SUMS = frozenset(
    {
        "add",
        "add_any",
        "broadcast_in_dim",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "cumsum",
        "dynamic_update_slice",
        "expand_dims",
        "neg",
        "pad",
        "real",
        "reduce_sum",
        "reduce_window_sum",
        "reshape",
        "rev",
        "scatter",
        "scatter-add",
        "select_n",
        "slice",
        "split",
        "squeeze",
        "stop_gradient",
        "sub",
        "transpose",
    }
)
"""Linear in all operands together, so that a constant among them is a part of the bias."""

_INDICES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"scatter": (1,), "scatter-add": (1,), "select_n": (0,)}
)
"""Operands of a sum that choose: they must be constants."""

_STARTS: Mapping[str, int] = MappingProxyType({"dynamic_update_slice": 2})
"""From which operand on they choose."""

_FIRST = frozenset({"div", "dynamic_slice", "gather"})
"""Linear in their first operand."""

ONE_BY_ONE = frozenset({"coo_matmat", "coo_matvec", "csr_matmat", "csr_matvec"})
"""Products with sparse matrices, which JAX cannot make of many vectors at once."""

_PRODUCTS = ONE_BY_ONE | {"mul", "dot_general", "conv_general_dilated"}
"""Linear in either operand, not in both."""

MOVES = frozenset(
    {
        "broadcast_in_dim",
        "concatenate",
        "convert_element_type",
        "copy",
        "copy_p",
        "expand_dims",
        "reshape",
        "rev",
        "slice",
        "split",
        "squeeze",
        "stop_gradient",
        "transpose",
    }
)
"""Whose results hold values of their operands and nothing else."""

MAXIMUM = "reduce_window_max"
"""Of spikes it is no affine function, but a population of its own."""

NESTED: Mapping[str, str] = MappingProxyType(
    {
        "jit": "jaxpr",
        "pjit": "jaxpr",
        "closed_call": "call_jaxpr",
        "core_call": "call_jaxpr",
        "remat": "jaxpr",
        "remat2": "jaxpr",
        "checkpoint": "jaxpr",
        "custom_jvp_call": "call_jaxpr",
        "custom_vjp_call": "call_jaxpr",
    }
)
"""Primitives that only call a function, and the parameter that holds it."""


def sums(name: str, operand: int) -> bool:
    """Whether a constant as this operand adds to the result, and so is 0 in its linear part."""
    if name not in _SUMS or operand in _INDICES.get(name, ()):
        return False
    return operand < _STARTS.get(name, operand + 1)


def is_affine(name: str, params: dict[str, Any], live: tuple[bool, ...]) -> bool:
    """Whether the primitive is affine in the operands that are `live`, no constants."""
    if name == "convert_element_type":
        return bool(jnp.issubdtype(params["new_dtype"], jnp.floating))
    if name in _SUMS:
        return all(sums(name, operand) for operand, lives in enumerate(live) if lives)
    if name in _FIRST:
        return not any(live[1:])
    return name in _PRODUCTS and sum(live) == 1
