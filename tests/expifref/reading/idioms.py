"""Networks as people write them: what is taken, with its feeds, and what is refused, with the sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainpy.state as bp
import brainstate.nn as nn
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u
from brainstate.nn import Linear, Sequential

from expifref.neurons.expif import ExpIFRef
from expifref.neurons.synapse import ExponentialSynapse, LeakyReadout

__all__ = ["REFUSED", "TAKEN", "Idiom"]

Module = Any
_MA = braintools.init.KaimingNormal(unit=u.mA)
_STRONG = braintools.init.KaimingNormal(scale=20.0)
_MS = braintools.init.KaimingNormal(unit=u.mS)
_NO_CURRENT = braintools.init.Constant(0.0 * u.mA)


@dataclass(frozen=True)
class Idiom:
    """A network, and what is read of it: layers by `name`, `name~` with a filter, each with its feeds."""

    make: Callable[[], Module]
    expected: str


def neuron(size: Any = 8) -> ExpIFRef:
    return ExpIFRef(size, R=400.0 * u.ohm)


def milliamperes(x: Any) -> Any:
    return x * u.mA


def module(update: Callable[[Any, Any], Any], **parts: Any) -> Module:
    """A module of the user's own with these parts."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def update(self, x: Any) -> Any:
            return update(self, x)

    return Net()


def projected(out: Any, post: Any, synapse: Any, unit: Any = _MS, **options: Any) -> Any:
    """A projection from the input to `post`."""
    return bp.AlignPostProj(
        comm=Linear(4, 8, w_init=unit, b_init=None), syn=synapse, out=out, post=post, **options
    )


def align_post(out: Any, synapse: Any = None, **options: Any) -> Module:
    synapse = bp.Expon.desc(8, tau=5.0 * u.ms) if synapse is None else synapse

    def update(net: Any, x: Any) -> Any:
        net.projection(x)
        return net.out(net.post(0.0 * u.mA))

    post = neuron()
    return module(update, post=post, projection=projected(out, post, synapse, **options), out=Linear(8, 3))


def two_populations() -> Module:
    """Excitatory and inhibitory neurons in one population, each with its synapse."""

    def update(net: Any, x: Any) -> Any:
        spikes = net.post.get_spike()
        net.e(spikes[..., :6])
        net.i(spikes[..., 6:])
        return net.out(net.post(net.fc(x) * u.mA))

    post = neuron()
    e, i = (
        bp.AlignPostProj(
            comm=Linear(size, 8, w_init=_MS, b_init=None),
            syn=bp.Expon.desc(8, tau=tau * u.ms),
            out=bp.CUBA.desc(),
            post=post,
        )
        for size, tau in ((6, 5.0), (2, 9.0))
    )
    return module(update, post=post, e=e, i=i, fc=Linear(4, 8), out=Linear(8, 3))


def delta_projection(post: Any) -> Module:
    def update(net: Any, x: Any) -> Any:
        net.projection(x)
        return net.post(0.0 * u.mA)

    weights = Linear(4, 8, w_init=braintools.init.KaimingNormal(unit=u.mV), b_init=None)
    return module(update, post=post, projection=bp.DeltaProj(comm=weights, post=post))


def delayed() -> Module:
    def update(net: Any, x: Any) -> Any:
        spikes = net.n((net.fc(x) + net.rec(net.line.at("late"))) * u.mA)
        net.line.update(spikes)
        return net.out(spikes)

    line = nn.Delay(jnp.zeros(8), time=5.0 * u.ms)
    line.register_entry("late", 3.0 * u.ms)
    return module(update, fc=Linear(4, 8), n=neuron(), rec=Linear(8, 8), line=line, out=Linear(8, 3))


def output_delayed() -> Module:
    def update(net: Any, x: Any) -> Any:
        return net.out(net.n((net.fc(x) + net.rec(net.late())) * u.mA))

    n = neuron()
    late = n.output_delay(3.0 * u.ms)
    return module(update, fc=Linear(4, 8), n=n, rec=Linear(8, 8), late=late, out=Linear(8, 3))


def batch_norm() -> nn.BatchNorm0d:
    norm = nn.BatchNorm0d((8,))
    mean = norm.running_mean.value
    norm.running_mean.value = jnp.linspace(-1, 1, mean.size, dtype=mean.dtype).reshape(mean.shape)
    return norm


class Doubled(Linear):
    """A linear layer whose own update is linear too."""

    def update(self, x: Any) -> Any:
        return 2 * super().update(x)


def recurrent(net: Any, x: Any) -> Any:
    return net.n((net.fc(x) + net.rec(jax.lax.stop_gradient(net.n.get_spike()))) * u.mA)


def concatenated(net: Any, x: Any) -> Any:
    return net.out(net.n(net.fc(jnp.concatenate([x, net.n.get_spike()], -1)) * u.mA))


def residual(net: Any, x: Any) -> Any:
    spikes = net.n(net.fc(x) * u.mA)
    return net.out(spikes + net.m(net.rec(spikes) * u.mA))


def two_filters(net: Any, x: Any) -> Any:
    return net.out(net.n(net.f(net.fc(x) * u.mA) - 0.5 * net.g(net.fc(x) * u.mA)))


def two_heads(net: Any, x: Any) -> Any:
    spikes = net.n(net.fc(x) * u.mA)
    return {"right": net.out(spikes), "left": [net.rec(spikes)]}


def filtered_heads(net: Any, x: Any) -> Any:
    spikes = net.n(net.fc(x) * u.mA)
    return net.f(net.out(spikes)), net.g(net.rec(spikes))


def spikes_beside(net: Any, x: Any) -> Any:
    spikes = net.n(net.fc(x) * u.mA)
    return net.out(spikes), spikes


def learning(net: Any, x: Any) -> Any:
    spikes, values = net.n(net.fc(x) * u.mA), net.fc.weight.value
    net.fc.weight.value = values | {"weight": values["weight"] + x.T @ spikes}
    return spikes


def filter_set(net: Any, x: Any) -> Any:
    net.f.g.value = 0.5 * net.f.g.value
    return net.f(net.fc(x))


def membrane_delayed() -> Module:
    n = neuron()
    old = n.prefetch("V").delay.at(3.0 * u.ms)
    return module(lambda net, x: net.n((net.fc(x) + net.n.get_spike(old())) * u.mA), **parts(n=n, old=old))


def image(*layers: Any) -> Module:
    """Two channels of 4 x 4 neurons, and what is behind them."""
    first = (nn.Conv2d((4, 4, 1), 2, 3, w_init=_STRONG), milliamperes, neuron((4, 4, 2)))
    return Sequential(*first, *layers, nn.Flatten(1), Linear(8, 3))


def parts(**more: Any) -> dict[str, Any]:
    return {"fc": Linear(4, 8), "n": neuron(), "rec": Linear(8, 8), "out": Linear(8, 3)} | more


def chain(*layers: Any) -> Sequential:
    return Sequential(*layers, milliamperes, neuron(), Linear(8, 3))


CHAIN = "layer0: input; readout: layer0"

TAKEN: dict[str, Idiom] = {
    "gain and unit": Idiom(lambda: chain(Linear(4, 8), lambda x: 0.1 * x), CHAIN),
    "synapse and leaky readout": Idiom(
        lambda: Sequential(
            Linear(4, 8, w_init=_MA, b_init=None),
            bp.Expon(8, tau=5.0 * u.ms, g_initializer=_NO_CURRENT),
            neuron(),
            Linear(8, 3),
            LeakyReadout(3),
        ),
        "layer0~: input; readout~: layer0",
    ),
    "rate readout": Idiom(
        lambda: Sequential(Linear(4, 8), milliamperes, neuron(), bp.LeakyRateReadout(8, 3)),
        "layer0: input; readout~: layer0",
    ),
    "filter before the weights": Idiom(
        lambda: chain(bp.Expon(4, g_initializer=braintools.init.Constant(0.0)), Linear(4, 8, b_init=None)),
        "layer0~: input; readout: layer0",
    ),
    "two synapses": Idiom(
        lambda: module(
            two_filters,
            **parts(f=ExponentialSynapse(8, 5.0 * u.ms), g=ExponentialSynapse(8, 9.0 * u.ms)),
        ),
        "filter0~: input; filter1~: input; layer0: filter0, filter1; readout: layer0",
    ),
    "alpha synapse": Idiom(
        lambda: Sequential(
            Linear(4, 8, w_init=_MA, b_init=None),
            bp.Alpha(8, tau=5.0 * u.ms, g_initializer=_NO_CURRENT),
            neuron(),
            Linear(8, 3),
        ),
        "filter0~: input; layer0~: filter0@1; readout: layer0",
    ),
    "alpha synapse before the weights": Idiom(
        lambda: chain(bp.Alpha(4, g_initializer=braintools.init.Constant(0.0)), Linear(4, 8)),
        "filter0~: input; layer0~: filter0@1; readout: layer0",
    ),
    "dual exponential synapse": Idiom(
        lambda: Sequential(
            Linear(4, 8, w_init=_MA, b_init=None),
            bp.DualExpon(8, tau_rise=np.linspace(1, 3, 8) * u.ms, g_initializer=_NO_CURRENT),
            neuron(),
            Linear(8, 3),
        ),
        "filter0~: input; filter1~: input; layer0: filter0, filter1; readout: layer0",
    ),
    "dual exponential synapse of a projection": Idiom(
        lambda: align_post(bp.CUBA.desc(), bp.DualExpon.desc(8, amplitude=0.5, normalize=False)),
        "filter0~: input; filter1~: input; layer0: filter0, filter1; readout: layer0",
    ),
    "two heads": Idiom(lambda: module(two_heads, **parts()), CHAIN),
    "heads with time constants of their own": Idiom(
        lambda: module(filtered_heads, **parts(f=LeakyReadout(3, 5.0 * u.ms), g=LeakyReadout(8, 9.0 * u.ms))),
        "layer0: input; readout~: layer0",
    ),
    "maximum of spikes": Idiom(
        lambda: image(nn.MaxPool2d(3, 2, padding=1)), "layer0: input; pool0: layer0; readout: pool0"
    ),
    "recurrent layer": Idiom(lambda: module(recurrent, **parts()), "layer0: input, layer0@1"),
    "recurrence by concatenation": Idiom(
        lambda: module(concatenated, **parts(fc=Linear(12, 8))),
        "layer0: input, layer0@1; readout: layer0",
    ),
    "residual": Idiom(
        lambda: module(residual, **parts(m=neuron())),
        "layer0: input; layer1: layer0; readout: layer0, layer1",
    ),
    "projection": Idiom(lambda: align_post(bp.CUBA.desc()), "layer0~: input; readout: layer0"),
    "projection with axonal delays": Idiom(
        lambda: align_post(bp.CUBA.desc(), delay=np.array([0.0, 1.0, 2.0, 3.0]) * u.ms),
        "layer0~: input@0123; readout: layer0",
    ),
    "excitation and inhibition": Idiom(
        two_populations,
        "filter0~: layer0@1; filter1~: layer0@1; layer0: input, filter0, filter1; readout: layer0",
    ),
    "delay line": Idiom(delayed, "layer0: input, layer0@4; readout: layer0"),
    "delayed output": Idiom(output_delayed, "layer0: input, layer0@4; readout: layer0"),
    "convolution, pooling": Idiom(
        lambda: Sequential(
            nn.Conv2d((4, 4, 1), 2, 3),
            nn.BatchNorm2d((4, 4, 2)),
            milliamperes,
            neuron((4, 4, 2)),
            nn.AvgPool2d(2, 2, channel_axis=-1),
            nn.Flatten(1),
            Linear(8, 3),
        ),
        CHAIN,
    ),
    "batch norm": Idiom(lambda: chain(Linear(4, 8), batch_norm(), nn.Dropout(0.5), nn.Identity()), CHAIN),
    "linear layers of other classes": Idiom(
        lambda: chain(nn.ScaledWSLinear(4, 8), nn.SignedWLinear(8, 8), nn.AllToAll(8, 8), nn.OneToOne(8)),
        CHAIN,
    ),
    "sparse weights": Idiom(
        lambda: chain(Doubled(4, 8), nn.SparseLinear(u.sparse.CSR.fromdense(jnp.eye(8)[::-1]))), CHAIN
    ),
    "an environment and vmap": Idiom(
        lambda: nn.Vmap(nn.EnvironContext(chain(Linear(4, 8)), fit=False)), CHAIN
    ),
    "rounded to float32": Idiom(lambda: chain(Linear(4, 8), lambda x: x.astype(jnp.float32)), CHAIN),
}

_NOT_AFFINE = "must be an affine function of spikes, filtered spikes and the input, but"

REFUSED: dict[str, Idiom] = {
    "weights that learn": Idiom(
        lambda: module(learning, **parts()),
        "the input of `net.n` depends on `net.fc.weight`, which a step changes",
    ),
    "a membrane delayed": Idiom(
        membrane_delayed, "`net.n.V` is delayed, and what is delayed is 0 mV in the first steps"
    ),
    "a filter that is set": Idiom(
        lambda: module(filter_set, **parts(f=LeakyReadout(8))),
        "the state `g` of the filter `net.f` must be changed by its own `update` alone",
    ),
    "conductances": Idiom(
        lambda: align_post(bp.COBA.desc(E=0.0 * u.mV)),
        "the input of `net.post` depends on the membrane potential of `net.post`, which has no",
    ),
    "delta projection": Idiom(
        lambda: delta_projection(neuron()), "`net.post` is given a delta input, which moves its membrane"
    ),
    "layer norm": Idiom(
        lambda: chain(Linear(4, 8), nn.LayerNorm((8,))),
        f"the input of `net.layers[3]` {_NOT_AFFINE} `square` (in `net.layers[1]`) is none",
    ),
    "maximum": Idiom(
        lambda: chain(Linear(4, 8), lambda x: jax.nn.relu(x)),
        f"the input of `net.layers[3]` {_NOT_AFFINE} `max` (idioms.py:",
    ),
    "plasticity": Idiom(
        lambda: chain(Linear(4, 8), bp.STP(8)), "the input of `net.layers[3]` depends on `net.layers[1].u`"
    ),
    "spikes beside a readout": Idiom(
        lambda: module(spikes_beside, **parts()),
        "the heads of a network must all be readouts or all be spikes, but of its output `[1]` are spikes",
    ),
    "a head that is no array": Idiom(
        lambda: module(lambda net, x: (two_heads(net, x), None), **parts()),
        "the network must give arrays in a step, one or several in a tuple, list or dict, but at `[1]` of",
    ),
    "maximum of currents": Idiom(
        lambda: chain(Linear(4, 16), nn.MaxPool1d(2, channel_axis=None), nn.Flatten(1)),
        f"the input of `net.layers[4]` {_NOT_AFFINE} `reduce_window_max` (in `net.layers[1]`) of other "
        "values than spikes (pool behind the neurons, or by means) is none",
    ),
    "mean over the samples": Idiom(
        lambda: chain(Linear(4, 8), lambda x: x - x.mean(0)),
        "`net` does something that is not understood: at step 0, the current of `net.layers[3]` is",
    ),
    "noise": Idiom(
        lambda: chain(Linear(4, 8), lambda x: x + nn.init.Normal()(x.shape)),
        "the input of `net.layers[3]` draws random numbers",
    ),
}
