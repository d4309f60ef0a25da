"""What must hold of a network description before it can be lowered."""

from __future__ import annotations

from expifref.checks import check_description
from expifref.description import Description, LayerDescription, SpikingDescription
from expifref.exceptions import ParameterError, UnsupportedError

__all__ = ["check_lowerable"]

_MOST_DT = 100


def check_lowerable(description: Description) -> None:
    """Raise ParameterError or UnsupportedError naming the first thing that cannot be lowered."""
    for layer in description.layers[:-1]:
        if not isinstance(layer, SpikingDescription):
            raise UnsupportedError(f"`{layer.name}` is a readout and must be the last layer")
    check_description(description)
    for layer in description.layers:
        _check_step(layer, description.dt)


def _check_step(layer: LayerDescription, dt: float) -> None:
    """Beyond this the gain of a step leaves float64; every profile's tables give up long before."""
    if isinstance(layer, SpikingDescription) and not dt <= _MOST_DT * float(layer.neuron.tau.min()):
        raise ParameterError(
            f"`dt` must be at most {_MOST_DT} times `{layer.name}.tau`, which is "
            f"{float(layer.neuron.tau.min()) * 1e3:g} ms, not {dt * 1e3:g} ms: train with a smaller dt"
        )
