"""A model may call its layers what other languages mean something by: every executor runs its program."""

from __future__ import annotations

import pytest

from expifref.network.description import ReadoutDescription
from exporters.onnx.float_model import float_model
from quantize.run.emulator import Emulator
from tests.graph_executors import MAKERS, assert_agrees
from tests.networks import lowered, network, renamed, spike_input

NAMES = ("module", "int", "class", "rst", "uint8_t", "lambda", "expifref_step", "Conv.0", "batch")


NETWORK = renamed(network((5, *(3 for _ in NAMES))), *NAMES)
SPIKES = spike_input(NETWORK, steps=5, batch=2)
PROGRAM = lowered(NETWORK)


def test_the_program_has_them() -> None:
    """The last layer tells its values by its bare name."""
    assert isinstance(NETWORK.layers[-1], ReadoutDescription)
    found = [layer.name for layer in PROGRAM.graph.layers]
    assert found == ["conv_0" if name == "Conv.0" else name for name in NAMES]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_executors_agree(name: str) -> None:
    assert_agrees(name, PROGRAM.graph, SPIKES, Emulator(PROGRAM).run(SPIKES).state)


@pytest.mark.parametrize("readout", ["batch", "spikes"])
def test_the_float_model_has_outputs_of_those_names(readout: str) -> None:
    model = float_model(renamed(NETWORK, *NAMES[:-1], readout))
    assert [one.name for one in model.graph.output][-1] == {"spikes": "spikes1"}.get(readout, readout)
