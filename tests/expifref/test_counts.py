"""Numbers of things are whole where they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from expifref.data import Binning
from expifref.encoders import encode
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture

GIVEN: dict[str, Callable[[Any], object]] = {
    "architecture": lambda steps: Architecture(4, 2, steps=steps),
    "encode": lambda steps: encode("rate", np.ones((1, 4)), steps),
    "binning": lambda steps: Binning(steps, 1.0),
}


@pytest.mark.parametrize("where", GIVEN)
@pytest.mark.parametrize("steps", [10.0, 2.5, True, "10", None])
def test_steps_must_be_whole(where: str, steps: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        GIVEN[where](steps)
    assert str(caught.value) == f"`steps` must be a whole number, not {steps!r}"


def test_integers_of_numpy_become_plain_ones() -> None:
    assert type(Architecture(4, np.int64(2), steps=np.uint8(7)).steps) is int  # type: ignore[arg-type]
    assert encode("rate", np.ones((1, 4)), np.int32(3)).shape == (3, 1, 4)  # type: ignore[arg-type]
