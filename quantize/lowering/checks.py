"""What must hold of a network description before it can be lowered, and of what it is calibrated with."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from expifref.encoders import get_encoder
from expifref.exceptions import DataError, ParameterError, UnsupportedError
from expifref.network.checks import check_description
from expifref.network.description import INPUT, Description
from quantize.graph.layers import Port
from quantize.numbers.formats import Format
from quantize.run.states import check_input

__all__ = ["check_calibration_input", "check_lowerable", "input_port"]

_MOST_DT = 100
"""Beyond this the gain of a step leaves float64; every profile's tables give up long before."""


def input_port(description: Description) -> Port:
    """The integers that its encoder gives."""
    encoder = get_encoder(description.encoder)
    return Port(description.inputs, Format(encoder.signed, encoder.bits, 0))


def check_calibration_input(description: Description, frames: NDArray[Any]) -> None:
    """Raise DataError unless `frames` is what the encoder gives, whole numbers `[steps, batch, inputs]`."""
    check_input(input_port(description), frames)
    steps, batch = frames.shape[:2]
    if batch == description.steps != steps:
        raise DataError(
            f"the input must have the shape [steps, batch, inputs], but has {steps} steps of {batch} "
            f"samples, and the network was trained with {description.steps} steps: swap the first two axes"
        )


def check_lowerable(description: Description) -> None:
    """Raise ParameterError or UnsupportedError naming the first thing that cannot be lowered."""
    check_description(description)
    dt = description.dt
    lowered = {INPUT, *(layer.name for layer in description.layers if layer.neurons)}
    for layer in description.layers:
        for feed in layer.feeds:
            if feed.source not in lowered:
                raise UnsupportedError(
                    f"{layer.called()} must be fed by the readout `{feed.source}` only behind it: how finely "
                    "its value is held is not known earlier"
                )
        lowered.add(layer.name)
        for neuron in layer.neurons:
            least = float(neuron.tau.min())
            if not dt <= _MOST_DT * least:
                raise ParameterError(
                    f"`dt` must be at most {_MOST_DT} times {layer.called('tau')}, which is "
                    f"{least * 1e3:g} ms, not {dt * 1e3:g} ms: train with a smaller dt"
                )
