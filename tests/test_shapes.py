"""Arrays are what signatures say they are: some tests once more, every call held against its signature."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHECKED = (
    "quantize.jax",
    "expifref.neurons.adexif",
    "expifref.neurons.gradient",
    "expifref.neurons.lif",
    "expifref.network.modules",
    "expifref.neurons.expif",
    "expifref.neurons.population",
    "expifref.connections.products",
    "expifref.neurons.synapse",
    "expifref.training.step",
)
# brainstate writes some types in an old way.
OLD = "ignore::beartype.roar.BeartypeDecorHintPep585DeprecationWarning"


CHOSEN = {
    "quantize/graph/test_jax.py": "circles",
    "quantize/graph/test_training.py": "(difference and 1) or overflow or phi or known_by",
    "expifref/network/test_modules.py": "gradient",
    "expifref/training/test_train.py": "before_the_first",
}
"""Tests of each file, as `-k` takes them."""


def test_signatures_hold() -> None:
    chosen = " or ".join(f"({Path(name).name} and ({tests}))" for name, tests in CHOSEN.items())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", OLD]
    checked = f"--jaxtyping-packages={','.join(CHECKED)},beartype.beartype"
    command += [checked, "-k", chosen, *(f"tests/{name}" for name in CHOSEN)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


_WRONG = """
from jaxtyping import TypeCheckError, install_import_hook
install_import_hook("expifref.connections.products", "beartype.beartype")
import jax, jax.numpy as jnp
from expifref.connections.products import transposed
assert transposed(jnp.zeros((2, 3))).shape == (3, 2)
for wrong in (jnp.zeros(3), jnp.zeros((2, 3), jnp.int32)):
    try:
        jax.jit(transposed)(wrong)
    except TypeCheckError:
        print("refused")
"""


def test_the_check_can_fail() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WRONG], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused", "refused"]
