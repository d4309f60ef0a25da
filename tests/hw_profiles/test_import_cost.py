"""Loading a built-in profile must not pay for jsonschema or any numeric library."""

import subprocess
import sys

import pytest

HEAVY = ("jsonschema", "numpy", "jax", "brainstate", "onnx")
LOADED = f"import sys; print([name for name in {HEAVY} if name in sys.modules])"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import hw_profiles; hw_profiles.load_profile('spinnaker1').digest", "[]"),
        ("import hw_profiles as h; h.check_profile(h.profile_path('spinnaker1'))", "['jsonschema']"),
    ],
)
def test_modules_loaded(statement: str, expected: str) -> None:
    command = [sys.executable, "-c", f"{statement}; {LOADED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
