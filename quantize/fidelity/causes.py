"""Why an integer program leaves its float network: the causes that can be switched on and off one by one."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ALL_CAUSES", "KNOBS", "Cause"]


class Cause(StrEnum):
    """Everything that the integers do otherwise than float64, in seven parts (docs/fidelity.md)."""

    WEIGHTS = "weights"  # weight codes at the scale of their channel, instead of the weights
    RESCALE = "rescale"  # the rounded multiplier and bias, instead of that scale and the bias
    DRIVE = "drive"  # rounding to the drive's format; of filters and adaptations, their decay and leak
    MEMBRANE = "membrane"  # rounding of the membrane, of its threshold, reset and start
    TABLES = "tables"  # tables instead of the exponential and the gain
    REFRACTORY = "refractory"  # refractory periods of another number of steps
    SATURATION = "saturation"  # whatever a format cannot hold: states, sums, the cutoff, the table ends


ALL_CAUSES = frozenset(Cause)

KNOBS = {
    Cause.WEIGHTS: "use more weight bits (--weight-bits, or a profile with wider ones) or --calibration auto",
    Cause.RESCALE: "use a profile with wider rescale multipliers",
    Cause.DRIVE: "use more drive bits (--drive-bits, or a profile with wider drives, filters and decays)",
    Cause.MEMBRANE: "use more membrane bits (--membrane-bits, or a profile with a wider membrane)",
    Cause.TABLES: "use larger tables (--table-bits, --table-segments, or a profile with more of both)",
    Cause.REFRACTORY: "use a profile that counts as many refractory steps as the network",
    Cause.SATURATION: "use --coverage 1 or more membrane bits",
}
"""What a user can turn against each cause."""
