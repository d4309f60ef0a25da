"""What a NIR file does not say of its network, and whoever reads it does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from expifref.exceptions import ParameterError
from expifref.network.description import Floats
from expifref.neurons.parameters import Reset

__all__ = ["DT", "ENCODER", "RULES", "STEPS", "Told"]

DT, STEPS, ENCODER = "expifref_dt", "expifref_steps", "expifref_encoder"
"""What files of our own say in the metadata of their graph."""


def _exact(tau: Floats, dt: float) -> Floats:
    del dt
    return tau


def _euler(tau: Floats, dt: float) -> Floats:
    """The time constant whose exact step keeps the share `1 - dt / tau`."""
    if not (tau > dt).all():
        raise ParameterError(
            f"time constants must be above the step of {dt * 1e3:g} ms where they are those of Euler's rule, "
            f"not {float(tau.min()) * 1e3:g} ms"
        )
    return -dt / np.log1p(-dt / tau)


RULES: Mapping[str, Callable[[Floats, float], Floats]] = MappingProxyType({"exact": _exact, "euler": _euler})
"""By which the equations of a file become steps: exact for what is held over a step, or Euler's."""


@dataclass(frozen=True)
class Told:
    """How the equations of a file are stepped."""

    dt: float  # s
    steps: int
    encoder: str
    rule: str = "exact"  # of RULES
    reset: Reset = "assigned"

    def __post_init__(self) -> None:
        if not 0 < self.dt < math.inf:
            raise ParameterError(f"`dt` must be finite and above 0 ms, not {self.dt * 1e3:g} ms")
        if self.rule not in RULES:
            raise ParameterError(
                f"the rule of the steps must be one of {', '.join(RULES)}, not `{self.rule}`"
            )

    def tau(self, tau: Floats) -> Floats:
        """The time constants (s) of exact steps."""
        if not (tau > 0).all():
            raise ParameterError(f"time constants must be above 0 ms, not {float(tau.min()) * 1e3:g} ms")
        return RULES[self.rule](tau, self.dt)

    def share(self, tau: Floats) -> Floats:
        """What a leak goes in a step of the way to its limit, by the `tau` of exact steps."""
        return -np.expm1(-self.dt / tau)
