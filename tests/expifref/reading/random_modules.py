"""Modules wired at random out of the parts that people use, some of them such that they must be refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u
from brainpy.state import Alpha, DualExpon
from brainstate.nn import Linear, MaxPool1d, Module

from expifref.neurons.adexif import AdExIFRef
from expifref.neurons.expif import ExpIF, ExpIFRef
from expifref.neurons.lif import LIF, LIFRef
from expifref.neurons.synapse import ExponentialSynapse, LeakyReadout

__all__ = ["INPUTS", "RandomModule", "random_module"]

INPUTS = 4
_WIDTH = 6
_CLASSES = 3
_POOLED = 2  # windows of 3 neurons, every 2

Value = Callable[["RandomModule", dict[str, Any]], Any]
"""A part of a step, from what the step has made so far."""


class RandomModule(Module):
    """Populations in a row, each with a current put together at random, and an output."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)
        self.parts: list[Any] = []
        self.neurons = [self._neuron() for _ in range(self.random.integers(1, 4))]
        self.known = ["input"]
        self.currents: list[Value] = []
        for index in range(len(self.neurons)):
            self.currents.append(self._current(index))
            self.known.append(f"spikes{index}")
        self.outputs = self._output()

    def update(self, x: Any) -> Any:
        made = {"input": x}
        for index, (neuron, current) in enumerate(zip(self.neurons, self.currents, strict=True)):
            made[f"spikes{index}"] = neuron(current(self, made))
        return self.outputs(self, made)

    def _neuron(self) -> Any:
        resistance = {"R": 300.0 * u.ohm}
        makers = (
            lambda: ExpIFRef(_WIDTH, **resistance),
            lambda: ExpIFRef(_WIDTH, tau_ref=np.linspace(1, 4, _WIDTH) * u.ms, **resistance),
            lambda: ExpIF(_WIDTH, **resistance),
            lambda: AdExIFRef(_WIDTH, a=1e-3 * u.siemens, b=1e-2 * u.mA, **resistance),
            lambda: LIF(_WIDTH, R=30.0 * u.ohm, spk_reset="hard"),
            lambda: LIFRef(_WIDTH, R=30.0 * u.ohm),
        )
        return makers[self.random.choice(len(makers), p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])]()

    def _current(self, index: int) -> Value:
        weighted = self._weighted(index, _WIDTH)
        unit = [u.mA, 200 * u.uA][self.random.integers(2)]
        odd = self.random.random()
        if odd < 0.03:
            return lambda net, made: jax.nn.relu(weighted(net, made)) * unit
        if odd < 0.06:
            return lambda net, made: weighted(net, made) * unit + net.neurons[0].V.value / (9.0 * u.kohm)
        if odd < 0.45:
            filtered = self._kept(self._synapse())
            gain = self._gain()
            if odd < 0.15:  # beside it a current that is not filtered
                beside = self._weighted(index, _WIDTH)
                return lambda net, made: filtered(weighted(net, made) * unit) + beside(net, made) * unit
            return lambda net, made: gain * filtered(weighted(net, made) * unit)
        return lambda net, made: weighted(net, made) * unit

    def _synapse(self) -> Any:
        start = braintools.init.Constant(0.0 * u.mA)
        kinds = (
            lambda: ExponentialSynapse(_WIDTH, tau=self._tau()),
            lambda: Alpha(_WIDTH, tau=self._tau(), g_initializer=start),
            lambda: DualExpon(_WIDTH, tau_rise=2.0 * u.ms, g_initializer=start),
        )
        return kinds[self.random.choice(len(kinds), p=[0.6, 0.2, 0.2])]()

    def _weighted(self, index: int, width: int) -> Value:
        """A sum of some sources times weights; of population `index` and later ones the spikes before."""
        terms = [self._term(index, width) for _ in range(self.random.integers(1, 4))]
        return lambda net, made: sum((term(net, made) for term in terms[1:]), start=terms[0](net, made))

    def _term(self, index: int, width: int) -> Value:
        source, size = self._source(index)
        kind = self.random.choice(["linear", "shared", "both", "slice", "function", "direct"])
        if kind == "direct" and size == width:
            return source
        if kind == "both":
            other, more = self._source(index)
            linear = self._kept(Linear(size + more, width))
            return lambda net, made: linear(jnp.concatenate([source(net, made), other(net, made)], axis=-1))
        if kind == "slice":
            linear = self._kept(Linear(size - 1, width))
            return lambda net, made: linear(source(net, made)[..., 1:])
        if kind == "shared":
            same = [
                one
                for one in self.parts
                if isinstance(one, Linear) and one.weight.value["weight"].shape == (size, width)
            ]
            if same:
                return lambda net, made: same[0](source(net, made))
        linear, gain = self._kept(Linear(size, width)), self._gain()
        if kind == "function":
            return lambda net, made: jnp.flip(gain * linear(source(net, made)), axis=-1) - 0.1
        return lambda net, made: linear(source(net, made))

    def _source(self, index: int) -> tuple[Value, int]:
        name = self.known[self.random.integers(len(self.known))]
        if index < len(self.neurons) and self.random.random() < 0.3:
            later = int(self.random.integers(index, len(self.neurons)))
            return lambda net, _: net.neurons[later].get_spike(), _WIDTH
        if name != "input" and self.random.random() < 0.2:
            pool = self._kept(MaxPool1d(3, 2, channel_axis=None))
            return lambda _, made: pool(made[name]), _POOLED
        return lambda _, made: made[name], INPUTS if name == "input" else _WIDTH

    def _output(self) -> Value:
        last = len(self.neurons) - 1
        weighted, kind = self._weighted(last + 1, _CLASSES), self.random.random()
        if kind < 0.2:
            return lambda _, made: made[f"spikes{last}"]
        if kind < 0.4:
            return weighted
        filtered = self._kept(LeakyReadout(_CLASSES, tau=self._tau()))
        if kind < 0.5:
            head = self._weighted(last + 1, 2)
            beside = self._kept(LeakyReadout(2, tau=9.0 * u.ms)) if kind < 0.45 else lambda values: values
            return lambda net, made: [filtered(weighted(net, made)), beside(head(net, made))]
        if kind < 0.8:
            return lambda net, made: filtered(weighted(net, made))
        behind = self._kept(Linear(_CLASSES, _CLASSES))
        return lambda net, made: behind(filtered(weighted(net, made)))

    def _tau(self) -> Any:
        return 5.0 * u.ms

    def _gain(self) -> float:
        return float(self.random.choice([1.0, 0.5, -2.0]))

    def _kept(self, part: Any) -> Any:
        self.parts.append(part)
        return part


def random_module(seed: int) -> RandomModule:
    """Module number `seed`."""
    brainstate.random.seed(seed)
    return RandomModule(seed)
