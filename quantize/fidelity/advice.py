"""What no lowering mends in a float network, by name: layers without a spike, weights out of measure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from expifref.connections.blocks import row_blocks
from expifref.network.description import Description, FeedDescription, numbered
from expifref.network.simulate import simulate
from quantize.run.trace import Spikes

__all__ = ["never_spiking", "outlying"]

_APART = 100
"""How many times the others the weights of a source are where a word has too few bits for both."""


def never_spiking(description: Description, batches: Iterable[Spikes]) -> tuple[str, ...]:
    """One sentence for each layer of which no neuron spikes on `batches`, each `[steps, batch, inputs]`."""
    left = {layer.called(): index for index, layer in enumerate(description.layers) if layer.neurons}
    for spikes in batches:
        for step in simulate(description, spikes):
            left = {name: index for name, index in left.items() if not step[index].spikes.any()}
            if not left:
                return ()
    return tuple(
        f"{name} does not spike once in the float network on these samples, so that nothing behind it sees "
        "them: scale its inputs or its weights up, lower its V_th, or train it longer"
        for name in left
    )


def outlying(description: Description) -> tuple[str, ...]:
    """One sentence for each feed with a source whose weights are many times those of the others."""
    found = (
        _outlying(layer.called(numbered("weight", index)), feed)
        for layer in description.layers
        for index, feed in enumerate(layer.feeds)
    )
    return tuple(sentence for sentence in found if sentence is not None)


def _outlying(name: str, feed: FeedDescription) -> str | None:
    if feed.window is not None:
        return None
    sizes = np.concatenate([np.abs(rows).max(axis=1) for _, rows in row_blocks(feed.weight)])
    usual = float(np.median(sizes[sizes > 0])) if sizes.any() else 0.0
    largest = int(sizes.argmax())
    if not sizes[largest] > _APART * usual:
        return None
    factor = f"{sizes[largest] / usual:.0f}"
    return (
        f"{name} is {factor} times as large from unit {largest} of {feed.source} as from the others, "
        f"which leaves few bits for those: make the values of that unit {factor} times as large, or as near "
        "as they may be, and its weights as much smaller"
    )
