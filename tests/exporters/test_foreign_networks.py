"""Networks of other tools in integers: every executor computes the same bits."""

import numpy as np
import pytest

from exporters.executors import make_executors
from exporters.verification import verify
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from tests.expifref.exchange.foreign import FOREIGN, inputs, read

EXECUTORS = ("native", "jax", "onnxruntime", "c-host")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_network_of_another_tool_is_the_same_everywhere(name: str) -> None:
    description, profile = read(name), load_profile("generic-16bit")
    random = np.random.default_rng(0)
    spikes = np.concatenate([inputs(), (random.random((40, 15, 12)) < 0.4).astype(np.uint8)], axis=1)
    program = lower(description, calibrate(description, [spikes]), profile)
    found = verify(program, make_executors(EXECUTORS, program, profile), [spikes])
    assert found.passed
    assert set(found.executors) == set(EXECUTORS)
