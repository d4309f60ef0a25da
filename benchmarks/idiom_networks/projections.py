"""Recurrence, and projections between populations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainpy.state as bp
import braintools
import saiunit as u
from brainstate.nn import Linear, Module

from .idiom import Idiom, joining
from .parts import Three, from_zero, neurons, upstream

__all__ = ["IDIOMS", "Projected"]

IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("recurrence by a second Linear", "sparch, snntorch `RLeaky`")
def _recurrent() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec = Linear(8, 8)

        def update(self, x: Any) -> Any:
            return self.out(self.lif((self.fc(x) + self.rec(self.lif.get_spike())) * u.mA))

    return Net()


class Projected(Module):
    """Excitation and inhibition through projections, each with a time constant of its own."""

    def __init__(self, make: Callable[[], Any], out: Any, unit: Any) -> None:
        super().__init__()
        self.pop, self.out = make(), Linear(8, 3)
        weight = braintools.init.KaimingNormal(unit=unit)

        def projection(inputs: int, tau: float) -> Any:
            return bp.AlignPostProj(
                comm=Linear(inputs, 8, w_init=weight, b_init=None),
                syn=bp.Expon.desc(8, tau=tau * u.ms, g_initializer=from_zero(unit)),
                out=out,
                post=self.pop,
            )

        self.e, self.i = projection(4, 5.0), projection(8, 10.0)

    def update(self, x: Any) -> Any:
        spikes = self.pop.get_spike()
        self.e(x)
        self.i(spikes)
        self.pop(0.0 * u.mA)
        return self.out(self.pop.get_spike())


@_idiom("E/I network of `AlignPostProj` with `CUBA`", "brainpy.state example 104")
def _cuba() -> Any:
    return Projected(neurons, bp.CUBA.desc(scale=u.Quantity(1.0)), u.mA)


@_idiom("the same with `brainpy.state.ExpIFRef`", "brainpy.state example 104")
def _cuba_upstream() -> Any:
    return Projected(upstream, bp.CUBA.desc(scale=u.Quantity(1.0)), u.mA)


@_idiom("E/I network with `COBA`", "brainpy.state example 103")
def _coba() -> Any:
    return Projected(upstream, bp.COBA.desc(E=0.0 * u.mV), u.mS)


@_idiom('`prefetch("V").delay.at(...)` of the membrane, as spikes', "brainpy.state, brainstate delays")
def _prefetched() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec = Linear(8, 8)
            self.old = self.lif.prefetch("V").delay.at(3.0 * u.ms)

        def update(self, x: Any) -> Any:
            late = self.lif.get_spike(self.old())
            return self.out(self.lif((self.fc(x) + self.rec(late)) * u.mA))

    return Net()
