"""The page on ONNX models: its example runs, and its tables name what exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantize.run.emulator import Emulator
from tests.programs import random_program

from .models import sequence_of

PAGE = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")


def test_example_predicts_what_the_emulator_predicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = random_program(5, layers=2, readout=True, input_bits=1, widths=[12, 9, 4])
    (tmp_path / "network.onnx").write_bytes(sequence_of(program).SerializeToString())
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    sums = Emulator(program).run(names["spikes"]).signals["readout"].sum(axis=0)
    np.testing.assert_array_equal(names["prediction"], sums.argmax(axis=1))


def test_every_metadata_key_is_on_the_page() -> None:
    keys = {entry.key for entry in sequence_of(random_program(5)).metadata_props}
    numbered = {re.sub(r"\d+$", "0", key) for key in keys}
    assert numbered == set(re.findall(r"`(expifref\.(?!dynamics|simulate)[a-z_0]+)`", PAGE))


def test_every_kind_of_function_is_on_the_page() -> None:
    used = {function.name for seed in range(10) for function in sequence_of(random_program(seed)).functions}
    on_page = set(re.findall(r"`([A-Z][A-Za-z]+(?:_[A-Z]+)?)(?:_<[a-z_<> ]+>)?`", PAGE))
    assert {name.partition("_")[0] for name in used} <= {name.partition("_")[0] for name in on_page}
