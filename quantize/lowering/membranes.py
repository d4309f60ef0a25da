"""What the numbers of every neuron become: codes of the membrane, refractory steps, rates of a leak."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import CapacityError
from expifref.network.description import AnyNeuron, SpikingDescription
from expifref.network.neuron_steps import refractory_counts
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format

from .normalized import normalized_membrane
from .ranges import LayerRange

__all__ = ["fraction_bits", "lowest_membrane", "membrane_codes", "normalized_offset", "refractory_codes"]

Floats = NDArray[np.float64]


def normalized_offset(n: AnyNeuron) -> Floats:
    """What `V_rest` adds to the drive: of exponential neurons `(V_rest - V_T) / delta_T`."""
    return normalized_membrane(n.v_rest, n)


def lowest_membrane(n: AnyNeuron, ranges: LayerRange) -> float:
    """The lowest of reset, start and the calibrated membrane."""
    constants = np.concatenate([normalized_membrane(v, n) for v in (n.v_reset, n.v_initial)])
    return min(float(constants.min()), ranges.membrane_low)


def membrane_codes(v: Floats, n: AnyNeuron, fmt: Format) -> NDArray[np.int64]:
    """Potentials (V) as codes of `fmt`, saturated."""
    return np.clip(np.rint(normalized_membrane(v, n) * 2.0**fmt.frac), fmt.lo, fmt.hi).astype(np.int64)


def fraction_bits(bits: int, low: float, high: float) -> int:
    """Fraction bits of the finest signed format that holds `low` and, to an LSB, `high`."""
    # Beyond 2**900 no width helps; infinity has no logarithm.
    reach = min(max(-low, high, 2.0**-8), 2.0**900)
    return bits - 1 - math.ceil(math.log2(reach))


def refractory_codes(layer: SpikingDescription, dt: float, most: int) -> Integers:
    """Refractory steps; raises CapacityError where they are more than `most`."""
    steps = refractory_counts(layer.neuron, dt)
    if steps.max() > most:
        raise CapacityError(
            f"{layer.called('tau_ref')} must be at most {most} steps of dt on this profile, not "
            f"{steps.max()}: use a larger dt or a shorter tau_ref"
        )
    return frozen(steps)
