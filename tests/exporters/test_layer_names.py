"""A model may call its layers what other languages mean something by: every executor runs its program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from expifref.network.description import Description, ReadoutDescription
from exporters.onnx.float_model import float_model
from quantize.run.emulator import Emulator
from tests.graph_executors import MAKERS, assert_agrees
from tests.networks import lowered, network, spike_input

NAMES = ("module", "int", "class", "rst", "uint8_t", "lambda", "expifref_step", "Conv.0", "batch")


def named() -> Description:
    """The last layer tells its values by its bare name."""
    plain = network((5, *(3 for _ in NAMES)))
    assert isinstance(plain.layers[-1], ReadoutDescription)
    layers = tuple(
        replace(layer, name=name, feeds=tuple(replace(feed, source=source) for feed in layer.feeds))
        for layer, source, name in zip(plain.layers, ("input", *NAMES), NAMES, strict=False)
    )
    return replace(plain, layers=layers)


NETWORK = named()
SPIKES = spike_input(NETWORK, steps=5, batch=2)
PROGRAM = lowered(NETWORK)


def test_the_program_has_them() -> None:
    found = [layer.name for layer in PROGRAM.graph.layers]
    assert found == ["conv_0" if name == "Conv.0" else name for name in NAMES]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_executors_agree(name: str) -> None:
    state = {key: np.asarray(values) for key, values in Emulator(PROGRAM).run(SPIKES).state.items()}
    assert_agrees(name, PROGRAM.graph, SPIKES, state)


@pytest.mark.parametrize("readout", ["batch", "spikes"])
def test_the_float_model_has_outputs_of_those_names(readout: str) -> None:
    last = replace(NETWORK.layers[-1], name=readout)
    model = float_model(replace(NETWORK, layers=(*NETWORK.layers[:-1], last)))
    assert [one.name for one in model.graph.output][-1] == {"spikes": "spikes1"}.get(readout, readout)
