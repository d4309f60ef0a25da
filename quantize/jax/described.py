"""What a description's numbers are in the integers of its layer: here alone it is asked what it describes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.description import LayerDescription, SpikingDescription
from quantize.lowering.membranes import normalized_offset
from quantize.numbers.formats import Format

__all__ = ["Meaning", "Seen", "meaning_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a layer sees."""

    hi: int  # the largest integer
    scale: float  # real value of 1


@dataclass(frozen=True, eq=False)
class Meaning:
    """How the parameters of a layer become codes of what its accumulators are scaled to, `[units]` each."""

    per_weight: Floats  # codes per SI unit
    per_bias: Floats  # codes per SI unit
    offset: Floats  # codes, part of the bias that no weight has
    tau: Floats | None  # s, of the membrane; None without one


def meaning_of(description: LayerDescription, target: Format, input_scale: float) -> Meaning:
    """Of `description`, whose accumulators are scaled to `target` and inputs by `input_scale`."""
    one = np.full(description.units, 2.0**target.frac)
    if not isinstance(description, SpikingDescription):
        return Meaning(one * input_scale, one, 0 * one, None)
    n = description.neuron
    per_bias = one * n.resistance / n.span
    folded = description.tau_synapse is None
    return Meaning(per_bias * input_scale, per_bias, normalized_offset(n) * one * folded, n.tau)
