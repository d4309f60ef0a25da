"""Parts that several networks have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainpy.state as bp
import braintools
import saiunit as u
from brainstate.nn import Linear, Module

import expifref

__all__ = ["Three", "called", "from_zero", "in_milliamperes", "neurons", "upstream"]


def neurons(size: Any = 8, cls: Any = expifref.ExpIFRef, **changes: Any) -> Any:
    return cls(size, R=400.0 * u.ohm, **changes)


def upstream(size: int = 8) -> Any:
    return bp.ExpIFRef(size, R=400.0 * u.ohm, V_th=-45.0 * u.mV, spk_reset="hard")


def in_milliamperes(scale: float = 1.0) -> Any:
    return braintools.init.KaimingNormal(scale=scale, unit=u.mA)


def from_zero(unit: Any = u.mA) -> Any:
    return braintools.init.Constant(u.Quantity(0.0, unit=unit))


class Three(Module):
    """Linear, neurons, Linear."""

    def __init__(self, neuron: Any = None) -> None:
        super().__init__()
        self.fc, self.lif = Linear(4, 8), neurons() if neuron is None else neuron
        self.out = Linear(8, 3)


def called(step: Callable[[Any, Any], Any], neuron: Any = None) -> Any:
    """A network of three parts with `step` as its update."""

    class Net(Three):
        def update(self, x: Any) -> Any:
            return step(self, x)

    return Net(neuron)
