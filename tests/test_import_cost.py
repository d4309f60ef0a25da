"""What imports cost: the JAX-free modules and commands load nothing heavy.

Only modules are looked at, never seconds, which differ between machines.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.networks import lowered, network

HEAVY = (
    "jax",
    "jaxtyping",
    "brainstate",
    "braintools",
    "brainpy",
    "saiunit",
    "optax",
    "onnx",
    "onnxruntime",
    "optuna",
    "matplotlib",
    "wasmtime",
    "bokeh",
)
LOADED = f"import json, sys; print(json.dumps(sorted({set(HEAVY)!r} & set(sys.modules))))"


def loaded_by(code: str, *arguments: object) -> list[str]:
    """The heavy modules that are there after `code` ran in a fresh interpreter."""
    command = [sys.executable, "-c", f"{code}\n{LOADED}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "module",
    [
        "cli.main",
        "expifref",
        "expifref.network.model_files",
        "expifref.data",
        "expifref.network.description",
        "expifref.encoders",
        "expifref.network.simulate",
        "exporters",
        "hw_profiles",
        "quantize",
        "quantize.fidelity",
        "quantize.lowering.lower",
    ],
)
def test_import_is_light(module: str) -> None:
    assert loaded_by(f"import {module}") == []


@pytest.mark.parametrize("module", ["cli.main", "hw_profiles"])
def test_import_needs_no_numbers(module: str) -> None:
    assert loaded_by(f"import sys, {module}; assert 'numpy' not in sys.modules") == []


def test_the_check_can_fail() -> None:
    assert {"brainstate", "jax"} <= set(loaded_by("import expifref; expifref.ExpIFRef"))


RUN = """
import sys
from cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code == 0, end.code
"""


def test_commands_without_jax(tmp_path: Path) -> None:
    import numpy as np

    from expifref.network.model_files import save_description
    from quantize.program.file import save_program

    small = network()
    model, program, data = tmp_path / "m.safetensors", tmp_path / "p.json", tmp_path / "d.npz"
    save_description(model, small)
    save_program(lowered(small), program)
    images = np.random.default_rng(0).random((30, small.inputs))
    np.savez(data, x=images, y=np.arange(30) % 3)
    np.savez(tmp_path / "in.npz", spikes=np.ones((4, 2, small.inputs), np.uint8))
    commands: list[tuple[object, ...]] = [
        ("--help",),
        ("profiles", "list"),
        ("quantize", model, "--dataset", data, "--out", tmp_path / "q.json"),
        ("export", program, "--to", "json", "--out", tmp_path / "d.json"),
        ("emulate", tmp_path / "d.json", "--input", tmp_path / "in.npz", "--out", tmp_path / "o.npz"),
        ("compare", model, tmp_path / "q.json", "--dataset", data),
        ("verify", program, "--executor", "deployment", "--samples", 2),
    ]
    for command in commands:
        assert loaded_by(RUN, *command) == [], command
