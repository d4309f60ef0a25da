"""What tests of several packages ask for by name, and what is compiled once for all processes of a run."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.amount import ALL

_NOT_KEPT = tuple(
    f"ignore:Error {doing} persistent compilation cache entry" for doing in ("reading", "writing")
)
"""What JAX says of an entry that another process is writing, or on a full disk, and goes on without."""

_SOON_COMPILED = "--xla_backend_optimization_level=0"
"""Most of what XLA compiles here runs once or twice, and integers are the same at every level."""

_KEPT_OBJECTS = Path(__file__).parent / "kept_objects.sh"


def pytest_configure(config: pytest.Config) -> None:
    """Let the workers, and the commands that they start, read what another has compiled in this run."""
    if not ALL:
        os.environ.setdefault("XLA_FLAGS", _SOON_COMPILED)
        os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:  # a worker, or somebody's own choice
        return
    folder = tempfile.TemporaryDirectory(prefix="expifref-compiled-", ignore_cleanup_errors=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("JAX_COMPILATION_CACHE_DIR", folder.name)
    patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    for warning in _NOT_KEPT:
        patch.setenv("PYTHONWARNINGS", warning, prepend=",")
    patch.setenv("OBJCACHE", shlex.join(["sh", str(_KEPT_OBJECTS), folder.name]))
    config.add_cleanup(folder.cleanup)
    config.add_cleanup(patch.undo)


@pytest.fixture
def strict_promotion() -> Iterator[None]:
    """JAX refuses to mix dtypes, so that nothing is formed in a wider one than was meant.

    Not where others mix them: Adam raises floats to the number of the step, brainpy multiplies it by `dt`.
    """
    import jax

    with jax.numpy_dtype_promotion("strict"):
        yield
