"""What a program calls the layers of a model."""

from __future__ import annotations

import re

import pytest

from quantize.graph.operations import IDENTIFIER
from quantize.lowering.names import program_names
from tests.networks import network, renamed

LONG = "x" * 64


@pytest.mark.parametrize(
    ("model", "program"),
    [
        (("layer0", "pool0", "readout"), ("layer0", "pool0", "readout")),
        (("encoder", "int", LONG), ("encoder", "int", LONG)),
        (("Conv.0", "fc-1", "2nd"), ("conv_0", "fc_1", "layer_2nd")),
        (("A", "a", "a1"), ("a2", "a", "a1")),
        (("a.b", "a-b", "a_b"), ("a_b1", "a_b2", "a_b")),
        (("Input", "_", "+"), ("input1", "layer__", "layer__1")),
        (("spikes", "Spikes"), ("spikes1", "spikes2")),
        ((LONG.upper(), LONG[:60], "b"), (f"{LONG[:60]}1", LONG[:60], "b")),
    ],
)
def test_a_program_calls_layers_as_the_model_does(model: tuple[str, ...], program: tuple[str, ...]) -> None:
    names = program_names(renamed(network((2, *(2 for _ in model))), *model))
    assert names == {"input": "input", **dict(zip(model, program, strict=True))}
    assert all(re.search(IDENTIFIER.pattern, name) for name in names.values())
