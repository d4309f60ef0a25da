"""A NIR graph, run by its equations: no description, no layers, planes as NIR has them.

Each edge holds a value over a step, for which the equations of a node are solved exactly; a node that is
asked for while its own input is found answers with what it put out one step before.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["run"]

Floats = NDArray[np.float64]


def run(graph: Any, inputs: Floats, dt: float) -> Floats:
    """What the output of a flat graph is at each step, `[steps, ...]`, for `inputs` `[steps, ...]`."""
    simulation = _Simulation(graph, dt)
    return np.array([simulation.step(frame) for frame in inputs])


class _Simulation:
    def __init__(self, graph: Any, dt: float) -> None:
        self.nodes: Mapping[str, Any] = graph.nodes
        self.before = {name: [a for a, b in graph.edges if b == name] for name in graph.nodes}
        self.dt = dt
        self.states: dict[str, dict[str, Any]] = {name: {} for name in graph.nodes}
        self.last: dict[str, Any] = {}
        self.now: dict[str, Any] = {}
        self.open: set[str] = set()
        self.late: list[str] = []

    def step(self, frame: Floats) -> Floats:
        self.now = {"input": frame}
        found = self.output("output")
        for name in self.late:
            self.states[name]["past"].append(self.output(self.before[name][0]))
        self.late = []
        self.last = dict(self.now)
        return np.array(found)

    def output(self, name: str) -> Any:
        if name in self.now:
            return self.now[name]
        node = self.nodes[name]
        kind = type(node).__name__
        if name in self.open:
            return self.last.get(name, 0.0)
        if kind == "Delay":
            return self.delayed(name, node)
        self.open.add(name)
        given = sum(self.output(one) for one in self.before[name])
        self.open.remove(name)
        made = given if kind == "Output" else getattr(self, kind.lower())(node, given, self.states[name])
        self.now[name] = made
        return self.now[name]

    def delayed(self, name: str, node: Any) -> Any:
        past = self.states[name].setdefault("past", [])
        steps = np.rint(node.delay / self.dt).astype(int)
        # Asked only where some of it is not late: around it may lie a circle.
        now = np.zeros(steps.shape) if steps.all() else self.output(self.before[name][0])
        self.now[name] = past_or(past, steps, now)
        self.late.append(name)
        return self.now[name]

    def share(self, tau: Any) -> Any:
        return 1 - np.exp(-self.dt / tau)

    def linear(self, node: Any, x: Any, _state: Any) -> Any:
        return node.weight @ (x + np.zeros(node.weight.shape[1]))

    def affine(self, node: Any, x: Any, state: Any) -> Any:
        return self.linear(node, x, state) + node.bias

    def scale(self, node: Any, x: Any, _state: Any) -> Any:
        return x * node.scale

    def flatten(self, _node: Any, x: Any, _state: Any) -> Any:
        return x.ravel()

    def conv1d(self, node: Any, x: Any, _state: Any) -> Any:
        return slid(x[:, None], node.weight[:, :, None], (1, node.stride), (0, node.padding), node.bias)[:, 0]

    def conv2d(self, node: Any, x: Any, _state: Any) -> Any:
        return slid(x, node.weight, node.stride, node.padding, node.bias)

    def sumpool2d(self, node: Any, x: Any, _state: Any) -> Any:
        size = [int(one) for one in node.kernel_size]
        each = np.ones((1, 1, *size))
        planes = [slid(one[None], each, node.stride, node.padding, np.zeros(1)) for one in x]
        return np.concatenate(planes)

    def avgpool2d(self, node: Any, x: Any, state: Any) -> Any:
        return self.sumpool2d(node, x, state) / np.prod(node.kernel_size)

    def lif(self, node: Any, x: Any, state: Any, tau: Any = None) -> Any:
        tau = node.tau if tau is None else tau
        v = state.get("v", node.v_leak)
        v = v + self.share(tau) * (node.v_leak + node.r * x - v)
        spikes = v >= node.v_threshold
        state["v"] = np.where(spikes, node.v_reset, v)
        return spikes.astype(float)

    def cubalif(self, node: Any, x: Any, state: Any) -> Any:
        held = state.get("i", 0.0)
        state["i"] = held + self.share(node.tau_syn) * (node.w_in * x - held)
        return self.lif(node, state["i"], state, node.tau_mem)

    def li(self, node: Any, x: Any, state: Any) -> Any:
        v = state.get("v", 0.0)
        state["v"] = v + self.share(node.tau) * (node.r * x - v)
        return state["v"]

    def cubali(self, node: Any, x: Any, state: Any) -> Any:
        held, v = state.get("i", 0.0), state.get("v", 0.0)
        state["i"] = held + self.share(node.tau_syn) * (node.w_in * x - held)
        state["v"] = v + self.share(node.tau_mem) * (node.r * state["i"] - v)
        return state["v"]


def past_or(past: list[Any], steps: Any, now: Any) -> Any:
    """Values so many steps old; `now` where that is none, 0 before the first."""
    zeros = np.zeros_like(now)
    kept = [now, *reversed(past)]
    found = [kept[step] if step < len(kept) else zeros for step in steps.ravel()]
    return np.array([one.ravel()[index] for index, one in enumerate(found)]).reshape(steps.shape)


def slid(x: Any, weight: Any, stride: Any, padding: Any, bias: Any) -> Any:
    """The convolution of `x` `[channels, height, width]`, place by place."""
    (down, along), (high, wide) = stride, weight.shape[2:]
    pads = [(0, 0), (padding[0],) * 2, (padding[1],) * 2]
    padded = np.pad(x, pads)
    rows, columns = (padded.shape[1] - high) // down + 1, (padded.shape[2] - wide) // along + 1
    out = np.empty((len(weight), rows, columns))
    for y in range(rows):
        for c in range(columns):
            seen = padded[:, y * down : y * down + high, c * along : c * along + wide]
            out[:, y, c] = np.tensordot(weight, seen, 3) + bias
    return out
