"""Random modules: each is refused, or its description does what the module does, step by step."""

import numpy as np
import pytest

from expifref.exceptions import UnsupportedError
from tests.amount import some
from tests.expifref.reading.closed_loop import largest_difference, read_unguarded
from tests.expifref.reading.random_modules import INPUTS, random_module

REFUSED = {2, 16, 22, 33, 41}


@pytest.mark.parametrize("seed", some(range(2, 42), every=10))
def test_what_is_read_without_the_guard_does_what_the_module_does(seed: int) -> None:
    module = random_module(seed)
    if seed in REFUSED:
        with pytest.raises(UnsupportedError, match=r"affine function|membrane potential"):
            read_unguarded(module, inputs=INPUTS)
        return
    random = np.random.default_rng(seed)
    frames = (random.random((30, 3, INPUTS)) < 0.5).astype(np.uint8) * np.array([[1], [3], [9]], np.uint8)
    assert largest_difference(*read_unguarded(module, inputs=INPUTS), frames) < 1e-6
