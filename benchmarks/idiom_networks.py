"""Small networks in the ways that brainstate's and brainpy's documentation, examples and users write them.

Those that the tests of the reader know are taken from there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainpy.state as bp
import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from brainstate.nn import Linear, Module

import expifref
from tests.expifref.reading.idioms import REFUSED, TAKEN

__all__ = ["IDIOMS", "Idiom"]

nn = brainstate.nn


@dataclass(frozen=True)
class Idiom:
    """A network, and where it is written so."""

    name: str
    source: str
    make: Callable[[], Any]


IDIOMS: list[Idiom] = []


def _idiom(name: str, source: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def add(make: Callable[[], Any]) -> Callable[[], Any]:
        IDIOMS.append(Idiom(name, source, make))
        return make

    return add


def _neuron(size: Any = 8, cls: Any = expifref.ExpIFRef, **changes: Any) -> Any:
    return cls(size, R=400.0 * u.ohm, **changes)


def _upstream(size: int = 8) -> Any:
    return bp.ExpIFRef(size, R=400.0 * u.ohm, V_th=-45.0 * u.mV, spk_reset="hard")


def _in_milliamperes(scale: float = 1.0) -> Any:
    return braintools.init.KaimingNormal(scale=scale, unit=u.mA)


def _from_zero(unit: Any = u.mA) -> Any:
    return braintools.init.Constant(u.Quantity(0.0, unit=unit))


class _Three(Module):
    """Linear, neurons, Linear."""

    def __init__(self, neuron: Any = None) -> None:
        super().__init__()
        self.fc, self.lif = Linear(4, 8), _neuron() if neuron is None else neuron
        self.out = Linear(8, 3)


def _called(step: Callable[[Any, Any], Any], neuron: Any = None) -> Any:
    """A network of three parts with `step` as its update."""

    class Net(_Three):
        def update(self, x: Any) -> Any:
            return step(self, x)

    return Net(neuron)


@_idiom("Linear, Expon, neuron, Linear, Expon", "brainstate example 200, tutorial 04")
def _published() -> Any:
    return nn.Sequential(
        Linear(4, 8, w_init=_in_milliamperes(), b_init=None),
        bp.Expon(8, tau=5.0 * u.ms, g_initializer=_from_zero()),
        _neuron(),
        Linear(8, 3),
        bp.Expon(3, tau=10.0 * u.ms, g_initializer=braintools.init.Constant(0.0)),
    )


@_idiom("the same with `brainpy.state.ExpIFRef` at its defaults", "brainstate example 200")
def _published_upstream() -> Any:
    net = _published()
    net.layers = (*net.layers[:2], bp.ExpIFRef(8, R=400.0 * u.ohm), *net.layers[3:])
    return net


@_idiom("`self.i2r(x) * u.mA` in `update`", "brainstate example 201")
def _unit_in_update() -> Any:
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)))


@_idiom("`* u.uA`", "users")
def _microamperes() -> Any:
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.uA)))


@_idiom("a gain, `0.3 * self.fc(x) * u.mA`", "users")
def _gain() -> Any:
    return _called(lambda net, x: net.out(net.lif(0.3 * net.fc(x) * u.mA)))


@_idiom("Linear and neurons, whose spikes are the output", "brainstate example 202")
def _spiking_output() -> Any:
    return nn.Sequential(Linear(4, 8, w_init=_in_milliamperes(4.0), b_init=None), _neuron())


@_idiom("recurrence by a second Linear", "sparch, snntorch `RLeaky`")
def _recurrent() -> Any:
    class Net(_Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec = Linear(8, 8)

        def update(self, x: Any) -> Any:
            return self.out(self.lif((self.fc(x) + self.rec(self.lif.get_spike())) * u.mA))

    return Net()


class _Projected(Module):
    """Excitation and inhibition through projections, each with a time constant of its own."""

    def __init__(self, make: Callable[[], Any], out: Any, unit: Any) -> None:
        super().__init__()
        self.pop, self.out = make(), Linear(8, 3)
        weight = braintools.init.KaimingNormal(unit=unit)

        def projection(inputs: int, tau: float) -> Any:
            return bp.AlignPostProj(
                comm=Linear(inputs, 8, w_init=weight, b_init=None),
                syn=bp.Expon.desc(8, tau=tau * u.ms, g_initializer=_from_zero(unit)),
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
    return _Projected(_neuron, bp.CUBA.desc(scale=u.Quantity(1.0)), u.mA)


@_idiom("the same with `brainpy.state.ExpIFRef`", "brainpy.state example 104")
def _cuba_upstream() -> Any:
    return _Projected(_upstream, bp.CUBA.desc(scale=u.Quantity(1.0)), u.mA)


@_idiom("E/I network with `COBA`", "brainpy.state example 103")
def _coba() -> Any:
    return _Projected(_upstream, bp.COBA.desc(E=0.0 * u.mV), u.mS)


@_idiom('`prefetch("V").delay.at(...)` of the membrane, as spikes', "brainpy.state, brainstate delays")
def _prefetched() -> Any:
    class Net(_Three):
        def __init__(self) -> None:
            super().__init__()
            self.rec = Linear(8, 8)
            self.old = self.lif.prefetch("V").delay.at(3.0 * u.ms)

        def update(self, x: Any) -> Any:
            late = self.lif.get_spike(self.old())
            return self.out(self.lif((self.fc(x) + self.rec(late)) * u.mA))

    return Net()


def _image(pool: Callable[[Any], Any]) -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(
                (6, 6, 1), 4, kernel_size=3, w_init=braintools.init.KaimingNormal(scale=8.0)
            )
            self.n = _neuron(self.conv.out_size)
            self.pool = pool(self.conv.out_size)
            self.flat = nn.Flatten(in_size=self.pool.out_size)
            self.out = Linear(int(np.prod(self.pool.out_size)), 3)

        def update(self, x: Any) -> Any:
            return self.out(self.flat(self.pool(self.n(self.conv(x) * u.mA))))

    return Net()


@_idiom("Conv2d, neurons, AvgPool2d, Flatten, Linear", "brainstate example 300, snntorch tutorial 6")
def _convolved() -> Any:
    return _image(lambda size: nn.AvgPool2d(2, 2, in_size=size))


@_idiom("the same with MaxPool2d", "snntorch tutorial 6")
def _max_pooled() -> Any:
    return _image(lambda size: nn.MaxPool2d(2, 2, in_size=size))


@_idiom("Conv1d over channels", "users")
def _convolved_line() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d((8, 2), 3, kernel_size=3)
            self.n, self.out = _neuron((8, 3)), Linear(24, 3)

        def update(self, x: Any) -> Any:
            spikes = self.n(self.conv(x) * u.mA)
            return self.out(spikes.reshape(*spikes.shape[:-2], 24))

    return Net()


@_idiom("Flatten before an MLP", "brainstate tutorials")
def _flattened() -> Any:
    return nn.Sequential(
        nn.Flatten(in_size=(2, 2)),
        Linear(4, 8, w_init=_in_milliamperes(), b_init=None),
        _neuron(),
        Linear(8, 3),
    )


@_idiom("Dropout", "brainstate tutorials")
def _dropped() -> Any:
    return nn.Sequential(
        Linear(4, 8, w_init=_in_milliamperes(), b_init=None), _neuron(), nn.Dropout(0.5), Linear(8, 3)
    )


@_idiom("a weight mask", "brainstate docs")
def _masked() -> Any:
    mask = (np.arange(32).reshape(4, 8) % 3 > 0).astype(np.float32)
    return nn.Sequential(
        Linear(4, 8, w_init=_in_milliamperes(), w_mask=mask, b_init=None), _neuron(), Linear(8, 3)
    )


@_idiom("`tau` of each neuron, a dict of layers, size `(8,)`", "users")
def _heterogeneous() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            tau = np.array([8.0, 10.0] * 4) * u.ms
            self.parts = {"in": Linear(4, 8), "n": _neuron((8,), tau=tau), "out": Linear(8, 3)}

        def update(self, x: Any) -> Any:
            return self.parts["out"](self.parts["n"](self.parts["in"](x) * u.mA))

    return Net()


def _with_first(first: Callable[[], Any]) -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.n, self.out = first(), _neuron(), Linear(8, 3)

        def update(self, x: Any) -> Any:
            return self.out(self.n(self.first(x) * u.mA))

    return Net()


@_idiom("`ScaledWSLinear`", "brainstate docs")
def _standardized() -> Any:
    return _with_first(lambda: nn.ScaledWSLinear(4, 8))


@_idiom("`SignedWLinear`", "brainstate docs")
def _signed() -> Any:
    return _with_first(lambda: nn.SignedWLinear(4, 8))


@_idiom("`AllToAll`", "brainstate docs")
def _all_to_all() -> Any:
    return _with_first(lambda: nn.AllToAll(4, 8, w_init=braintools.init.KaimingNormal()))


@_idiom("`OneToOne`", "brainstate docs")
def _one_to_one() -> Any:
    return _with_first(lambda: nn.Sequential(Linear(4, 8), nn.OneToOne(8, braintools.init.Constant(0.5))))


@_idiom("`SparseLinear`", "brainstate docs")
def _sparse() -> Any:
    dense = np.where(np.arange(32).reshape(4, 8) % 3 == 0, 0.5, 0.0).astype(np.float32)
    return _with_first(lambda: nn.SparseLinear(u.sparse.CSR.fromdense(jnp.asarray(dense)), in_size=4))


@_idiom("a Linear with an `update` of its own", "users")
def _own_update() -> Any:
    class Louder(Linear):
        def update(self, x: Any) -> Any:
            return 2.0 * super().update(x) + 0.1

    return _with_first(lambda: Louder(4, 8))


@_idiom("`Alpha` synapse", "brainpy.state docs")
def _alpha() -> Any:
    synapse = bp.Alpha(8, tau=5.0 * u.ms, g_initializer=_from_zero())
    return nn.Sequential(
        Linear(4, 8, w_init=_in_milliamperes(), b_init=None), synapse, _neuron(), Linear(8, 3)
    )


@_idiom("`DualExpon` synapse", "brainpy.state docs")
def _dual() -> Any:
    synapse = bp.DualExpon(8, tau_decay=10.0 * u.ms, tau_rise=2.0 * u.ms, g_initializer=_from_zero())
    return nn.Sequential(
        Linear(4, 8, w_init=_in_milliamperes(), b_init=None), synapse, _neuron(), Linear(8, 3)
    )


@_idiom("a skip over a layer, and a residual of spikes", "spikingjelly SEW-ResNet")
def _skipped() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.na, self.b, self.nb = Linear(4, 8), _neuron(), Linear(8, 8), _neuron()
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
            self.a, self.na, self.b, self.nb = Linear(4, 8), _neuron(), Linear(8, 8), _neuron()
            self.out = Linear(8, 3)

        def update(self, x: Any) -> Any:
            first = self.na(self.a(x) * u.mA)
            return self.out(first) + 0.5 * self.out(self.nb(self.b(first) * u.mA))

    return Net()


@_idiom("a head that only training uses", "users")
def _unused() -> Any:
    class Net(_Three):
        def __init__(self) -> None:
            super().__init__()
            self.auxiliary = Linear(8, 2)

        def update(self, x: Any) -> Any:
            return self.out(self.lif(self.fc(x) * u.mA))

    return Net()


@_idiom("`EnvironContext` around it", "brainstate docs")
def _in_context() -> Any:
    return nn.EnvironContext(_unit_in_update(), fit=False)


@_idiom("`Vmap` around it", "brainstate docs")
def _mapped() -> Any:
    return nn.Vmap(_unit_in_update(), vmap_states="new")


@_idiom("a random `V_initializer`", "brainpy.state examples")
def _random_start() -> Any:
    start = braintools.init.Uniform(-70.0 * u.mV, -60.0 * u.mV)
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), _neuron(V_initializer=start))


@_idiom("`ExpIF`", "brainpy.state docs")
def _expif() -> Any:
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), _neuron(cls=expifref.ExpIF))


@_idiom("`AdExIFRef`", "brainpy.state docs")
def _adexif() -> Any:
    neuron = _neuron(cls=expifref.AdExIFRef, a=0.1 * u.siemens, b=0.02 * u.mA)
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)


@_idiom("`LIF` with subtracted reset", "brainstate example 200, snntorch")
def _lif() -> Any:
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), expifref.LIF(8, R=2.0 * u.ohm))


@_idiom("`LIFRef` with hard reset", "brainpy.state examples")
def _lifref() -> Any:
    neuron = expifref.LIFRef(8, R=2.0 * u.ohm, spk_reset="hard")
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)


@_idiom("a trained `tau`, as `ParamState`", "snntorch#39, norse#143")
def _trained_tau() -> Any:
    neuron = _neuron(tau=brainstate.ParamState(np.array([10.0] * 8) * u.ms))
    return _called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)


@_idiom("two heads with time constants of their own, in a dict", "users")
def _filtered_heads() -> Any:
    class Net(_Three):
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
    class Net(_Three):
        def update(self, x: Any) -> Any:
            spikes = self.lif(self.fc(x) * u.mA)
            return self.out(spikes), spikes

    return Net()


@_idiom("`Alpha` between neurons, before the weights", "users")
def _alpha_first() -> Any:
    synapse = bp.Alpha(8, tau=5.0 * u.ms, g_initializer=braintools.init.Constant(0.0))
    first = (Linear(4, 8, w_init=_in_milliamperes(), b_init=None), _neuron(), synapse)
    second = Linear(8, 8, w_init=_in_milliamperes(2.0), b_init=None)
    return nn.Sequential(*first, second, _neuron(), Linear(8, 3))


@_idiom("`DualExpon` in a recurrent projection with `CUBA`", "brainpy.state docs")
def _recurrent_dual() -> Any:
    class Net(_Three):
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
    class Net(_Three):
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
            self.n = _neuron(self.pool.out_size)
            self.flat, self.out = nn.Flatten(in_size=self.pool.out_size), Linear(36, 3)

        def update(self, x: Any) -> Any:
            return self.out(self.flat(self.n(self.pool(self.conv(x)) * u.mA)))

    return Net()


@_idiom("`MgBlock`", "brainpy.state docs")
def _blocked() -> Any:
    return _Projected(_upstream, bp.MgBlock.desc(E=0.0 * u.mV, alpha=0.062 / u.mV, V_offset=0.0 * u.mV), u.mS)


@_idiom("weights that change in a step", "braintrace, STDP")
def _learning() -> Any:
    class Net(_Three):
        def update(self, x: Any) -> Any:
            spikes = self.lif(self.fc(x) * u.mA)
            values = self.fc.weight.value
            self.fc.weight.value = values | {"weight": values["weight"] + 0.01 * x.T @ spikes}
            return self.out(spikes)

    return Net()


IDIOMS += [
    Idiom(name, source, (TAKEN | REFUSED)[tested].make)
    for name, source, tested in (
        ("`LeakyRateReadout`", "brainstate example 203, braintrace", "rate readout"),
        (
            "recurrence by `concatenate([x, r.get_spike()])`",
            "brainstate example 203, braintrace",
            "recurrence by concatenation",
        ),
        ("recurrence, spikes as the output", "sparch RLIF", "recurrent layer"),
        ("`DeltaProj`", "brainpy.state", "delta projection"),
        ("`nn.Delay` of spikes", "brainstate delays", "delay line"),
        ("BatchNorm0d in evaluation", "brainstate tutorials, spikingjelly", "batch norm"),
        ("LayerNorm of live values", "users", "layer norm"),
        ("Expon before the Linear", "users", "filter before the weights"),
        ("short-term plasticity, `STP`", "brainpy.state docs", "plasticity"),
        ("a function in a Sequential, `lambda v: 0.2 * v * u.mA`", "users", "gain and unit"),
        ("`relu` between", "users", "maximum"),
        ("two heads", "users", "two heads"),
    )
]
