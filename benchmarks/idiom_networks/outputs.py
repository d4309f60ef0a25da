"""Several heads, delays at the output, and what is refused there."""

from __future__ import annotations

from typing import Any

import brainpy.state as bp
import brainstate
import braintools
import saiunit as u
from brainstate.nn import Linear, Module

import expifref

from .idiom import Idiom, joining
from .parts import Three, in_milliamperes, neurons, upstream
from .projections import Projected

__all__ = ["IDIOMS"]

nn = brainstate.nn
IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("two heads with time constants of their own, in a dict", "users")
def _filtered_heads() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.other, self.slow = Linear(8, 2), expifref.LeakyReadout(2, tau=20.0 * u.ms)
            self.fast = expifref.LeakyReadout(3, tau=5.0 * u.ms)

        def update(self, x: Any) -> Any:
            spikes = self.lif(self.fc(x) * u.mA)
            return {"what": self.fast(self.out(spikes)), "where": self.slow(self.other(spikes))}

    return Net()


@_idiom("a readout, and the spikes of the hidden layer beside it", "users")
def _spikes_beside() -> Any:
    class Net(Three):
        def update(self, x: Any) -> Any:
            spikes = self.lif(self.fc(x) * u.mA)
            return self.out(spikes), spikes

    return Net()


@_idiom("`Alpha` between neurons, before the weights", "users")
def _alpha_first() -> Any:
    synapse = bp.Alpha(8, tau=5.0 * u.ms, g_initializer=braintools.init.Constant(0.0))
    first = (Linear(4, 8, w_init=in_milliamperes(), b_init=None), neurons(), synapse)
    second = Linear(8, 8, w_init=in_milliamperes(2.0), b_init=None)
    return nn.Sequential(*first, second, neurons(), Linear(8, 3))


@_idiom("`DualExpon` in a recurrent projection with `CUBA`", "brainpy.state docs")
def _recurrent_dual() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec = bp.AlignPostProj(
                comm=Linear(8, 8, w_init=braintools.init.KaimingNormal(unit=u.mS), b_init=None),
                syn=bp.DualExpon.desc(8, tau_decay=8.0 * u.ms, tau_rise=2.0 * u.ms),
                out=bp.CUBA.desc(),
                post=self.lif,
            )

        def update(self, x: Any) -> Any:
            self.rec(self.lif.get_spike())
            return self.out(self.lif(self.fc(x) * u.mA))

    return Net()


@_idiom("`output_delay` of spikes", "brainstate delays")
def _output_delayed() -> Any:
    class Net(Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec, self.late = Linear(8, 8), self.lif.output_delay(3.0 * u.ms)

        def update(self, x: Any) -> Any:
            return self.out(self.lif((self.fc(x) + self.rec(self.late())) * u.mA))

    with brainstate.environ.context(dt=1.0 * u.ms):
        return Net()


@_idiom("a maximum of currents, MaxPool2d before the neurons", "snntorch tutorial 6")
def _currents_pooled() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d((6, 6, 1), 4, kernel_size=3)
            self.pool = nn.MaxPool2d(2, 2, in_size=self.conv.out_size)
            self.n = neurons(self.pool.out_size)
            self.flat, self.out = nn.Flatten(in_size=self.pool.out_size), Linear(36, 3)

        def update(self, x: Any) -> Any:
            return self.out(self.flat(self.n(self.pool(self.conv(x)) * u.mA)))

    return Net()


@_idiom("`MgBlock`", "brainpy.state docs")
def _blocked() -> Any:
    return Projected(upstream, bp.MgBlock.desc(E=0.0 * u.mV, alpha=0.062 / u.mV, V_offset=0.0 * u.mV), u.mS)


@_idiom("weights that change in a step", "braintrace, STDP")
def _learning() -> Any:
    class Net(Three):
        def update(self, x: Any) -> Any:
            spikes = self.lif(self.fc(x) * u.mA)
            values = self.fc.weight.value
            self.fc.weight.value = values | {"weight": values["weight"] + 0.01 * x.T @ spikes}
            return self.out(spikes)

    return Net()
