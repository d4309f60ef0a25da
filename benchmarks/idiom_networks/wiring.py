"""Synapses of two states, skips, shared layers, and what is put around a network."""

from __future__ import annotations

from typing import Any

import brainpy.state as bp
import brainstate
import braintools
import saiunit as u
from brainstate.nn import Linear, Module

from .idiom import Idiom, joining
from .parts import Three, called, from_zero, in_milliamperes, neurons
from .published import unit_in_update

__all__ = ["IDIOMS"]

nn = brainstate.nn
IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("`Alpha` synapse", "brainpy.state docs")
def _alpha() -> Any:
    synapse = bp.Alpha(8, tau=5.0 * u.ms, g_initializer=from_zero())
    return nn.Sequential(
        Linear(4, 8, w_init=in_milliamperes(), b_init=None), synapse, neurons(), Linear(8, 3)
    )


@_idiom("`DualExpon` synapse", "brainpy.state docs")
def _dual() -> Any:
    synapse = bp.DualExpon(8, tau_decay=10.0 * u.ms, tau_rise=2.0 * u.ms, g_initializer=from_zero())
    return nn.Sequential(
        Linear(4, 8, w_init=in_milliamperes(), b_init=None), synapse, neurons(), Linear(8, 3)
    )


@_idiom("a skip over a layer, and a residual of spikes", "spikingjelly SEW-ResNet")
def _skipped() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.na, self.b, self.nb = Linear(4, 8), neurons(), Linear(8, 8), neurons()
            self.skip, self.out = Linear(4, 8), Linear(8, 3)

        def update(self, x: Any) -> Any:
            first = self.na(self.a(x) * u.mA)
            second = self.nb((self.b(first) + self.skip(x)) * u.mA)
            return self.out(first + second)

    return Net()


@_idiom("one Linear used twice", "users")
def _shared() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.na, self.b, self.nb = Linear(4, 8), neurons(), Linear(8, 8), neurons()
            self.out = Linear(8, 3)

        def update(self, x: Any) -> Any:
            first = self.na(self.a(x) * u.mA)
            return self.out(first) + 0.5 * self.out(self.nb(self.b(first) * u.mA))

    return Net()


@_idiom("a head that only training uses", "users")
def _unused() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.auxiliary = Linear(8, 2)

        def update(self, x: Any) -> Any:
            return self.out(self.lif(self.fc(x) * u.mA))

    return Net()


@_idiom("`EnvironContext` around it", "brainstate docs")
def _in_context() -> Any:
    return nn.EnvironContext(unit_in_update(), fit=False)


@_idiom("`Vmap` around it", "brainstate docs")
def _mapped() -> Any:
    return nn.Vmap(unit_in_update(), vmap_states="new")


@_idiom("a random `V_initializer`", "brainpy.state examples")
def _random_start() -> Any:
    start = braintools.init.Uniform(-70.0 * u.mV, -60.0 * u.mV)
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neurons(V_initializer=start))
