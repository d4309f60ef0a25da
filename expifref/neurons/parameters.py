"""The parameters of a population as plain arrays, one class per neuron model."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["AdExParameters", "AnyNeuron", "LIFParameters", "NeuronParameters", "Reset"]

Floats = NDArray[np.float64]
Reset = Literal["assigned", "subtracted"]


@dataclass(frozen=True)
class _MembraneParameters:
    """What every model has, each float64 `[neurons]`, in SI units."""

    resistance: Floats  # ohm
    tau: Floats  # s
    tau_ref: Floats  # s; 0 without a refractory period
    v_th: Floats  # V
    v_reset: Floats  # V
    v_rest: Floats  # V

    @property
    def origin(self) -> Floats:
        """V where the normalized membrane is 0, `[neurons]`."""
        raise NotImplementedError  # every kind says its own

    @property
    def span(self) -> Floats:
        """V for 1 of the normalized membrane, `[neurons]`."""
        raise NotImplementedError  # every kind says its own

    @property
    def adapts(self) -> bool:
        """Whether an adaptation takes something off the current."""
        return False

    @property
    def vectors(self) -> dict[str, Floats]:
        """All that has one value per neuron, by its name in files."""
        return {part.name: getattr(self, part.name) for part in fields(self) if part.name != "reset"}


@dataclass(frozen=True)
class NeuronParameters(_MembraneParameters):
    """Per-neuron ExpIFRef parameters, each float64 `[neurons]`, in SI units."""

    v_t: Floats  # V
    delta_t: Floats  # V
    v_initial: Floats  # V, membrane potential before the first step

    @property
    def origin(self) -> Floats:
        return self.v_t

    @property
    def span(self) -> Floats:
        return self.delta_t


@dataclass(frozen=True)
class AdExParameters(NeuronParameters):
    """Per-neuron AdExIFRef parameters, each float64 `[neurons]`, in SI units."""

    a: Floats  # S
    b: Floats  # A
    tau_w: Floats  # s
    w_initial: Floats  # A, adaptation current before the first step

    @property
    def adapts(self) -> bool:
        return True


@dataclass(frozen=True)
class LIFParameters(_MembraneParameters):
    """Per-neuron LIFRef parameters, each float64 `[neurons]`, in SI units, and how neurons are reset."""

    v_initial: Floats  # V, membrane potential before the first step
    reset: Reset = "assigned"

    @property
    def origin(self) -> Floats:
        return self.v_rest

    @property
    def span(self) -> Floats:
        return self.v_th - self.v_reset

    @property
    def subtracted(self) -> bool:
        """Whether a spike takes `V_th - V_reset` off the membrane, instead of putting it to `V_reset`."""
        return self.reset == "subtracted"


AnyNeuron = NeuronParameters | AdExParameters | LIFParameters
