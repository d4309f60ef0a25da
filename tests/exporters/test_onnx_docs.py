"""The page on ONNX models: its tables name what exists."""

from __future__ import annotations

import re
from pathlib import Path

from tests.programs import random_program

from .models import sequence_of

PAGE = (Path(__file__).parents[2] / "docs" / "onnx.md").read_text(encoding="utf-8")


def test_every_metadata_key_is_on_the_page() -> None:
    keys = {entry.key for entry in sequence_of(random_program(5)).metadata_props}
    numbered = {re.sub(r"\d+$", "0", key) for key in keys}
    assert numbered == set(re.findall(r"`(expifref\.(?!dynamics|simulate)[a-z_0]+)`", PAGE))


def test_every_kind_of_function_is_on_the_page() -> None:
    used = {function.name for seed in range(10) for function in sequence_of(random_program(seed)).functions}
    on_page = set(re.findall(r"`([A-Z][A-Za-z]+(?:_[A-Z]+)?)(?:_<[a-z_<> ]+>)?`", PAGE))
    assert {name.partition("_")[0] for name in used} <= {name.partition("_")[0] for name in on_page}
