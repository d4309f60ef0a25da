"""Feed-forward networks with units and gains as published examples write them."""

from __future__ import annotations

from typing import Any

import brainpy.state as bp
import brainstate
import braintools
import saiunit as u
from brainstate.nn import Linear

from .idiom import Idiom, joining
from .parts import called, from_zero, in_milliamperes, neurons

__all__ = ["IDIOMS", "unit_in_update"]

nn = brainstate.nn
IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("Linear, Expon, neuron, Linear, Expon", "brainstate example 200, tutorial 04")
def _published() -> Any:
    return nn.Sequential(
        Linear(4, 8, w_init=in_milliamperes(), b_init=None),
        bp.Expon(8, tau=5.0 * u.ms, g_initializer=from_zero()),
        neurons(),
        Linear(8, 3),
        bp.Expon(3, tau=10.0 * u.ms, g_initializer=braintools.init.Constant(0.0)),
    )


@_idiom("the same with `brainpy.state.ExpIFRef` at its defaults", "brainstate example 200")
def _published_upstream() -> Any:
    net = _published()
    net.layers = (*net.layers[:2], bp.ExpIFRef(8, R=400.0 * u.ohm), *net.layers[3:])
    return net


@_idiom("`self.i2r(x) * u.mA` in `update`", "brainstate example 201")
def unit_in_update() -> Any:
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)))


@_idiom("`* u.uA`", "users")
def _microamperes() -> Any:
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.uA)))


@_idiom("a gain, `0.3 * self.fc(x) * u.mA`", "users")
def _gain() -> Any:
    return called(lambda net, x: net.out(net.lif(0.3 * net.fc(x) * u.mA)))


@_idiom("Linear and neurons, whose spikes are the output", "brainstate example 202")
def _spiking_output() -> Any:
    return nn.Sequential(Linear(4, 8, w_init=in_milliamperes(4.0), b_init=None), neurons())
