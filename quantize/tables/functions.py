"""What the two tables of a step have to hold, in floats: growth, gain, and where they may end.

With `u = (V - V_T) / delta_T` and `a = dt / tau` the exponential Euler step is exactly

    u' = u + gain(u) * (exp(u) - u + x),      gain(u) = a * phi(a * (exp(u) - 1)),  phi(z) = expm1(z) / z

Where the sum in brackets would leave its word, the growth is held at a ceiling and the gain raised by what
the sum then lacks: see `held_gain`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from expifref.dynamics import phi
from quantize.numbers.formats import Format, Rounding

__all__ = [
    "Floats",
    "Function",
    "TableSpec",
    "firing_point",
    "gain",
    "growth",
    "held_gain",
    "highest_growth",
    "outweighing",
    "right_end",
    "tabulated",
]

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

_SHARE_OF_STEP = 15 / 16
"""Share of a step that must already reach the threshold at the firing point: the rest is for table errors."""

_GROWTH_MARGIN = 1.0
"""By how much, in units of delta_T, the growth at the right end exceeds what it has to outweigh."""


@dataclass(frozen=True)
class TableSpec:
    """What the tables have to serve. Drives and sums are in units of delta_T."""

    membrane: Format
    threshold: int  # highest threshold of the layer, membrane code
    rates: tuple[float, ...]  # a = dt / tau of each gain table
    bits: int  # word width of an entry, signed
    max_segments: int
    rounding: Rounding
    lowest_drive: float  # most inhibiting drive that must not stop a firing neuron
    highest_sum: float  # where the sum saturates
    highest_drive: float = 0.0  # most exciting drive that the sum has to hold beside the growth
    firing_drive: float = 0.0  # typical drive of a neuron that is about to fire
    max_error: float | None = None  # in LSB of an entry; None takes the finest segments of the budget

    @property
    def top(self) -> float:
        """The highest threshold in units of delta_T above V_T."""
        return self.threshold * 2.0**-self.membrane.frac


def growth(u: Floats, ceiling: float = math.inf) -> Floats:
    """`exp(u)`, held at `ceiling`."""
    value: Floats = np.minimum(np.exp(u), ceiling)
    return value


def gain(u: Floats, rate: float) -> Floats:
    """`a * phi(a * (exp(u) - 1))` in float64."""
    value: Floats = rate * phi(np.minimum(rate * np.expm1(u), 700.0))
    return value


def held_gain(u: Floats, rate: float, ceiling: float, drive: float) -> Floats:
    """The gain to go with a growth held at `ceiling`: at `drive` their step is that of the float network.

    At other drives `x` the step is off by `(x - drive) / ceiling` of itself at most, in a stretch that a
    neuron crosses in its last steps before a spike.
    """
    lacking = (np.exp(u) - u + drive) / (ceiling - u + drive)
    value: Floats = gain(u, rate) * np.maximum(lacking, 1.0)
    return value


def tabulated(spec: TableSpec, ceiling: float) -> list[tuple[str, Function]]:
    """Name and function of the growth and of each gain, when the growth is held at `ceiling`."""
    x = spec.firing_drive
    held = not math.isinf(ceiling)
    factor = f" * max(1, (exp(u)-u+{x:.9g})/({ceiling:.9g}-u+{x:.9g}))" if held else ""
    gains: list[tuple[str, Function]] = [
        (f"a*phi(a*(exp(u)-1)){factor}, a={a:.9g}", partial(held_gain, rate=a, ceiling=ceiling, drive=x))
        for a in spec.rates
    ]
    name = f"min(exp(u), {ceiling:.9g})" if held else "exp(u)"
    return [(name, partial(growth, ceiling=ceiling)), *gains]


def highest_growth(spec: TableSpec) -> float:
    """The growth that fits the sum beside the highest drive.

    But at least half of what the sum holds, and twice what must outweigh inhibition: with less, the raised
    gain would turn a rounding of the growth into a neuron that does not fire.
    """
    beside_drive = spec.highest_sum - max(spec.highest_drive, 0.0)
    return max(beside_drive, spec.highest_sum / 2, 2 * outweighing(spec))


def firing_point(spec: TableSpec, rate: float, ceiling: float = math.inf) -> float:
    """Lowest `u` from which a step reaches the threshold even at the lowest drive, at most the threshold."""
    lsb = 2.0**-spec.membrane.frac
    u = np.linspace(min(0.0, spec.top), spec.top, 4001)
    push = np.minimum(growth(u, ceiling) - u + spec.lowest_drive, spec.highest_sum)
    with np.errstate(over="ignore"):  # far above V_T it is infinite, and reaches every threshold
        step = held_gain(u, rate, ceiling, spec.firing_drive) * push
    resting = np.flatnonzero(_SHARE_OF_STEP * step < spec.top - u + lsb)
    return float(u[min(resting[-1] + 1, len(u) - 1)]) if resting.size else float(u[0])


def right_end(spec: TableSpec, ceiling: float) -> float:
    """The last firing point, or where the growth alone outweighs the threshold and the lowest drive.

    Right of the domain the growth stays while `-u` falls on: were it smaller, a large gain would turn strong
    inhibition of a neuron near its threshold into a leap downwards.
    """
    outweighs = math.log(outweighing(spec))
    return max(outweighs, *(firing_point(spec, rate, ceiling) for rate in spec.rates))


def outweighing(spec: TableSpec) -> float:
    """The growth that pushes a neuron upwards at the threshold even at the lowest drive."""
    return max(spec.top - spec.lowest_drive + _GROWTH_MARGIN, 1.0)
