"""A description and the module it was read from, each run by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import saiunit as u
from numpy.typing import NDArray

from expifref.network.description import Description
from expifref.network.simulate import simulate
from expifref.reading import describe as reader
from expifref.reading.original import Original

__all__ = ["largest_difference", "read_unguarded"]


def read_unguarded(module: Any, **options: Any) -> tuple[Description, Original]:
    """What is read of `module` before it is run, and the module."""
    found: list[tuple[Description, Original]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "check_against", lambda *pair: found.append(pair))
        reader.describe(module, 1.0 * u.ms, steps=10, **options)
    return found[0]


def largest_difference(description: Description, original: Original, frames: NDArray[np.uint8]) -> float:
    """Of outputs, membranes and spikes, by the range of each; each runs on its own spikes."""
    run, steps = original.run(frames.astype(np.float64)), list(simulate(description, frames))
    pairs = [(run.output, np.stack([step[-1].output for step in steps]))]
    for index, layer in enumerate(description.layers):
        if layer.name in run.v:
            pairs.append((run.v[layer.name], np.stack([step[index].state.v for step in steps])))
            pairs.append((run.spikes[layer.name], np.stack([step[index].output for step in steps])))
    return max(float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-12)) for a, b in pairs)
