"""What tests of several packages ask for by name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def strict_promotion() -> Iterator[None]:
    """JAX refuses to mix dtypes, so that nothing is formed in a wider one than was meant.

    Not where others mix them: Adam raises floats to the number of the step, brainpy multiplies it by `dt`.
    """
    import jax

    with jax.numpy_dtype_promotion("strict"):
        yield
