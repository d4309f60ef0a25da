"""Networks of other tools spike as they do there."""

import numpy as np
import pytest

from expifref.network.simulate import simulate

from .foreign import FOREIGN, expected, inputs, read


@pytest.mark.parametrize("name", FOREIGN)
def test_a_network_spikes_as_in_the_tool_that_wrote_it(name: str) -> None:
    found = np.array([steps[-1].output[0] for steps in simulate(read(name), inputs())])
    wanted = expected(name)
    assert wanted.any()
    np.testing.assert_array_equal(found, wanted)
