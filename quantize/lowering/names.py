"""What a program calls the layers of a network."""

from __future__ import annotations

from expifref.network.description import INPUT, Description

__all__ = ["program_names"]


def program_names(description: Description) -> dict[str, str]:
    """What the program calls the input and each layer: `layer` and its place, the last one without spikes
    `readout`."""
    last = len(description.layers) - 1
    names = {
        layer.name: f"layer{index}" if layer.neurons or index < last else "readout"
        for index, layer in enumerate(description.layers)
    }
    return {INPUT: INPUT, **names}
