"""The GPU that JAX computes on, if there is one."""

from __future__ import annotations

import jax

__all__ = ["gpu_kind"]


def gpu_kind() -> str | None:
    """What the maker calls it; None where JAX computes on something else."""
    first = jax.local_devices()[0]
    return str(first.device_kind) if first.platform == "gpu" else None
