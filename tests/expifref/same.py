"""Comparing nested dataclasses of arrays, which `==` cannot."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np


def assert_same(found: object, wanted: object, rtol: float = 0.0, path: str = "") -> None:
    """Raise AssertionError, naming the field, unless both hold the same values."""
    assert type(found) is type(wanted), path
    if is_dataclass(found):
        for part in fields(found):
            assert_same(getattr(found, part.name), getattr(wanted, part.name), rtol, f"{path}.{part.name}")
    elif isinstance(found, tuple) and isinstance(wanted, tuple):
        assert len(found) == len(wanted), path
        for index, pair in enumerate(zip(found, wanted, strict=True)):
            assert_same(*pair, rtol, f"{path}[{index}]")
    elif isinstance(found, np.ndarray | float):
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=rtol, atol=0, err_msg=path)
    else:
        assert found == wanted, path
