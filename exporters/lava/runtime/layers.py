"""What a layer of a network is, what it starts from, and a run of all layers without Lava."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

INPUT = "input"

Integers = NDArray[np.int64]
Values = Mapping[str, Integers]


class Step(NamedTuple):
    """What a step of a layer gives, each `[..., units]`."""

    output: Integers  # what other layers hear
    state: dict[str, Integers]
    signals: dict[str, Integers]


class Layer(NamedTuple):
    """One layer of a network."""

    units: int
    step: Callable[[tuple[int, ...], Values, Values, Values, list[Integers]], Step]
    """Of the shape of its values, what it hears now, what it heard (`[age, ..., units]`), its states and its
    weights."""
    hears: list[str]  # sources whose output of the same step it needs
    remembers: dict[str, int]  # source -> for how many steps it keeps its outputs
    weights: int  # how many connections it has
    states: dict[str, str]  # state -> its name in the whole program
    signals: dict[str, str]  # signal -> the same


class Network(NamedTuple):
    """Layers in the order in which a step runs them."""

    inputs: int
    range: tuple[int, int]  # of an input
    layers: dict[str, Layer]
    output: str  # the layer whose output is that of the network
    data: Data

    def units(self, source: str) -> int:
        """Number of values of a source."""
        return self.inputs if source == INPUT else self.layers[source].units

    def shape(self, source: str, samples: int | None) -> tuple[int, ...]:
        """Of the values of a source: of one sample for None, else of several beside each other."""
        return (self.units(source),) if samples is None else (samples, self.units(source))

    @property
    def histories(self) -> dict[str, int]:
        """Source -> the longest that any layer remembers it."""
        longest: dict[str, int] = {}
        for layer in self.layers.values():
            for source, steps in layer.remembers.items():
                longest[source] = max(steps, longest.get(source, 0))
        return longest

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """What a run records: layer, its port, and a name: `signal.`, `state.` or `output.` before a name.

        A state that is a signal too is recorded once.
        """
        rows, heard = [], {*self.histories, self.output}
        for name, layer in self.layers.items():
            rows += [(name, f"tell_{key}", f"signal.{full}") for key, full in layer.signals.items()]
            rows += [
                (name, f"tell_{key}", f"state.{full}")
                for key, full in layer.states.items()
                if key not in layer.signals
            ]
            rows += [(name, "out", f"output.{name}")] if name in heard else []
        return rows


class Data:
    """The arrays of a network, which are read when the first is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str) -> Integers:
        return self._arrays[name]

    @cached_property
    def _arrays(self) -> dict[str, Integers]:
        rows = json.loads(self._path.read_text(encoding="utf-8"))
        return {name: _array(row) for name, row in rows.items()}


def initial(network: Network, name: str, samples: int | None, given: Values) -> dict[str, Integers]:
    """What layer `name` has before the first step: its states, and as `past.SOURCE` what it heard.

    Args:
        given: any states of the whole program by their names, each `[samples, units]`; others start as the
            program says.
    """
    layer = network.layers[name]
    start = {
        key: whole(given.get(full, network.data[f"{name}.initial.{key}"]), network.shape(name, samples))
        for key, full in layer.states.items()
    }
    for source, steps in layer.remembers.items():
        ages = [given.get(f"{source}.delay-{age}", np.zeros(1, np.int64)) for age in range(1, steps + 1)]
        shape = network.shape(source, samples)
        start[f"past.{source}"] = np.stack([whole(value, shape) for value in ages])
    return start


def weights_of(network: Network, name: str) -> list[Integers]:
    """The weights of each connection of layer `name`."""
    return [network.data[f"{name}.weight.{index}"] for index in range(network.layers[name].weights)]


def run_plainly(network: Network, frames: Integers, given: Values) -> dict[str, Integers]:
    """Everything that `Network.told` names, `[steps, samples, units]`, for `frames` of the same shape."""
    own = {name: initial(network, name, frames.shape[1], given) for name in network.layers}
    weights = {name: weights_of(network, name) for name in network.layers}
    told: dict[str, list[Integers]] = {row: [] for _, _, row in network.told}
    for frame in frames:
        outputs = {INPUT: frame}
        for name, layer in network.layers.items():
            past = {source: own[name][f"past.{source}"] for source in layer.remembers}
            heard = {source: outputs[source] for source in layer.hears}
            found = layer.step(network.shape(name, frames.shape[1]), heard, past, own[name], weights[name])
            own[name].update(found.state)
            outputs[name] = found.output
            ports = {f"tell_{key}": value for key, value in {**found.state, **found.signals}.items()}
            ports["out"] = found.output
            for _, port, row in (row for row in network.told if row[0] == name):
                told[row].append(ports[port])
        for name, layer in network.layers.items():
            for source in layer.remembers:
                own[name][f"past.{source}"] = pushed(own[name][f"past.{source}"], outputs[source])
    return {row: np.array(values) for row, values in told.items()}


def results(network: Network, frames: Integers, given: Values, told: Values) -> dict[str, Integers]:
    """Of what was told of a run: output and signals, and states after the last step, `[samples, units]`."""
    found = {row: values for row, values in told.items() if row.startswith("signal.")}
    found["output"] = told[f"output.{network.output}"]
    for layer in network.layers.values():
        for key, full in layer.states.items():
            kind = "signal" if key in layer.signals else "state"
            found[f"state.{full}"] = told[f"{kind}.{full}"][-1]
    for source, steps in network.histories.items():
        heard = frames if source == INPUT else told[f"output.{source}"]
        for age in range(1, steps + 1):
            before = given.get(f"{source}.delay-{age - len(heard)}", np.zeros(1, np.int64))
            value = heard[-age] if age <= len(heard) else before
            found[f"state.{source}.delay-{age}"] = whole(value, heard.shape[1:])
    return found


def pushed(past: Integers, now: Integers) -> Integers:
    """`past` a step later: `now` is one step old, and the oldest is gone."""
    return np.concatenate([now[np.newaxis], past[:-1]])


def whole(value: Any, shape: tuple[int, ...]) -> Integers:
    """`value`, which may be one for all, for each of `shape`."""
    return np.array(np.broadcast_to(value, shape), np.int64)


def _array(row: Mapping[str, Any]) -> Integers:
    content = base64.b64decode(row["base64"])
    return np.frombuffer(content, row["dtype"]).reshape(row["shape"]).astype(np.int64)
