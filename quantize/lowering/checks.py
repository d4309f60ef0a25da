"""What must hold of a network description before it can be lowered."""

from __future__ import annotations

from expifref.checks import check_description
from expifref.description import Description
from expifref.exceptions import ParameterError, UnsupportedError

__all__ = ["check_lowerable"]

_MOST_DT = 100
"""Beyond this the gain of a step leaves float64; every profile's tables give up long before."""


def check_lowerable(description: Description) -> None:
    """Raise ParameterError or UnsupportedError naming the first thing that cannot be lowered."""
    for layer in description.layers[:-1]:
        if not layer.neurons:
            raise UnsupportedError(f"`{layer.name}` is a readout and must be the last layer")
    check_description(description)
    dt = description.dt
    for layer in description.layers:
        for neuron in layer.neurons:
            least = float(neuron.tau.min())
            if not dt <= _MOST_DT * least:
                raise ParameterError(
                    f"`dt` must be at most {_MOST_DT} times `{layer.name}.tau`, which is {least * 1e3:g} ms, "
                    f"not {dt * 1e3:g} ms: train with a smaller dt"
                )
