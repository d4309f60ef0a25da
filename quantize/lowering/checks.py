"""What must hold of a network description before it can be lowered."""

from __future__ import annotations

from expifref.checks import check_description
from expifref.description import INPUT, Description
from expifref.exceptions import ParameterError, UnsupportedError

__all__ = ["check_lowerable"]

_MOST_DT = 100
"""Beyond this the gain of a step leaves float64; every profile's tables give up long before."""


def check_lowerable(description: Description) -> None:
    """Raise ParameterError or UnsupportedError naming the first thing that cannot be lowered."""
    check_description(description)
    dt = description.dt
    lowered = {INPUT, *(layer.name for layer in description.layers if layer.neurons)}
    for layer in description.layers:
        for feed in layer.feeds:
            if feed.source not in lowered:
                raise UnsupportedError(
                    f"`{layer.name}` must be fed by the readout `{feed.source}` only behind it: how finely "
                    "its value is held is not known earlier"
                )
        lowered.add(layer.name)
        for neuron in layer.neurons:
            least = float(neuron.tau.min())
            if not dt <= _MOST_DT * least:
                raise ParameterError(
                    f"`dt` must be at most {_MOST_DT} times `{layer.name}.tau`, which is {least * 1e3:g} ms, "
                    f"not {dt * 1e3:g} ms: train with a smaller dt"
                )
