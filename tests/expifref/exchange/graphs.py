"""Small networks of leaky neurons, as descriptions and as NIR graphs."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import nir
import numpy as np

from expifref.connections.windows import Window
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    LIFParameters,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.pooling import pooling
from tests.networks import leaky_neurons

__all__ = ["DESCRIPTIONS", "GRAPHS", "lif"]

DT = 1e-3


def _neurons(count: int) -> LIFParameters:
    rng = np.random.default_rng(count)
    tau, v_th = rng.uniform(5e-3, 20e-3, count), rng.uniform(-55e-3, -50e-3, count)
    return leaky_neurons(count, tau_ref=0.0, tau=tau, v_th=v_th)


def _feed(source: str, *shape: int, **other: Any) -> FeedDescription:
    weight = np.random.default_rng(sum(shape)).normal(0, 30e-3, shape)
    return FeedDescription(source, weight, **other)


def chain() -> Description:
    """Neurons with and without a synapse, and a leaky readout."""
    layers = (
        SpikingDescription("a", (_feed(INPUT, 6, 9),), np.full(9, 5e-3), None, _neurons(9)),
        SpikingDescription("b", (_feed("a", 9, 8),), np.zeros(8), np.linspace(2e-3, 9e-3, 8), _neurons(8)),
        ReadoutDescription("out", (_feed("b", 8, 3),), np.arange(3.0), np.full(3, 8e-3)),
    )
    return Description(DT, 6, layers, "rate", 20)


def recurrent() -> Description:
    """Feeds from itself, from later layers, and with delays of each kind."""
    delays = np.random.default_rng(1).integers(0, 4, 9)
    own = _feed("b", 8, 8, delay=np.array([1]))
    layers = (
        SpikingDescription(
            "a", (_feed(INPUT, 6, 9), _feed("b", 8, 9, delay=np.array([2]))), np.zeros(9), None, _neurons(9)
        ),
        SpikingDescription(
            "b", (_feed("a", 9, 8), own, _feed("a", 9, 8, delay=delays)), np.full(8, 1e-3), None, _neurons(8)
        ),
        ReadoutDescription("out", (_feed("b", 8, 3), _feed("a", 9, 3)), np.zeros(3), None),
    )
    return Description(DT, 6, layers, "current", 20)


def planes() -> Description:
    """Convolutions with padding, one in groups, and a pooling between them."""
    first = Window(6, 6, 2, (3, 3), 4, padding=((1, 1), (1, 1)), groups=2)
    second = Window(3, 3, 4, (2, 2), 5, (1, 1), ((1, 1), (1, 1)))
    bias = first.over_positions(np.linspace(0, 5e-3, 4))
    layers = (
        SpikingDescription("a", (_feed(INPUT, 9, 4, window=first),), bias, None, _neurons(144)),
        pooling("p", "a", Window(6, 6, 4, (2, 2), 4, (2, 2), groups=4)),
        SpikingDescription(
            "b", (_feed("p", 16, 5, window=second),), np.zeros(80), np.full(80, 3e-3), _neurons(80)
        ),
        ReadoutDescription("out", (_feed("b", 80, 3),), np.zeros(3), np.full(3, 8e-3)),
    )
    return Description(DT, 72, layers, "rate", 20)


def line() -> Description:
    """A convolution of one dimension."""
    window = Window(1, 12, 2, (1, 3), 4, (1, 2))
    layers = (
        SpikingDescription("a", (_feed(INPUT, 6, 4, window=window),), np.zeros(20), None, _neurons(20)),
        ReadoutDescription("out", (_feed("a", 20, 3),), np.zeros(3), np.full(3, 8e-3)),
    )
    return Description(DT, 24, layers, "rate", 20)


DESCRIPTIONS: dict[str, Callable[[], Description]] = {
    "chain": chain,
    "recurrent": recurrent,
    "planes": planes,
    "line": line,
}


def lif(shape: tuple[int, ...] | int, **changes: Any) -> Any:
    """A LIF node with a threshold of 1."""
    values = {"tau": 8e-3, "r": 1.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0} | changes
    return nir.LIF(**{name: np.full(shape, value) for name, value in values.items()})


def _normal(*shape: int) -> Any:
    return np.random.default_rng(shape[0]).normal(0.3, 2, shape)


def _sum_pooled() -> Any:
    """Sums that leave a row out, padding behind them, uneven gains, and a matrix behind a matrix."""
    return nir.NIRGraph.from_list(
        nir.Input(np.array([2, 6, 6])),
        nir.Conv2d((6, 6), _normal(3, 2, 2, 2), (1, 1), (0, 0), (1, 1), 1, np.linspace(0, 1, 3)),
        lif((3, 5, 5)),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Scale(np.full((3, 2, 2), 0.5)),
        nir.Conv2d((2, 2), _normal(4, 3, 2, 2), (1, 1), (1, 1), (1, 1), 1, np.zeros(4)),
        lif((4, 3, 3)),
        nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1),
        nir.Scale(np.linspace(0.5, 2, 36)),
        nir.Affine(_normal(7, 36), np.linspace(-1, 1, 7)),
        nir.Linear(_normal(5, 7)),
        nir.CubaLI(*(np.full(5, one) for one in (3e-3, 9e-3, 2.0, 0.0)), np.linspace(1, 2, 5)),
    )


def _flat_neurons() -> Any:
    """Neurons in a row behind a plane, overlapping sums and padding."""
    return nir.NIRGraph.from_list(
        nir.Input(np.array([2, 5, 5])),
        nir.SumPool2d(np.array([3, 3]), np.array([2, 2]), np.array([1, 1])),
        nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1),
        nir.LIF(np.linspace(4e-3, 9e-3, 18), np.ones(18), np.zeros(18), np.linspace(0.5, 3, 18)),
    )


def _recurrent() -> Any:
    nodes = {
        "input": nir.Input(np.array([4])),
        "w": nir.Affine(_normal(6, 4), np.full(6, 0.2)),
        "late": nir.Delay(np.array([0, 2, 1, 3, 0, 5]) * DT),
        "lif": lif(6),
        "own": nir.Linear(_normal(6, 6) / 3),
        "out": nir.Linear(_normal(3, 6)),
        "output": nir.Output(np.array([3])),
    }
    edges = ["input w", "w lif", "lif own", "own lif", "lif late", "late out", "out output"]
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges])


def _planes_in_a_row() -> Any:
    """An output in a row, whose values NIR counts channel by channel."""
    return nir.NIRGraph.from_list(
        nir.Input(np.array([2, 3, 3])),
        lif((2, 3, 3), v_threshold=np.linspace(0.05, 0.3, 18).reshape(2, 3, 3)),
        nir.Flatten({"input": np.array([2, 3, 3])}, 0, -1),
    )


def _synapse_names() -> Any:
    """A node called as the second layer of another would be."""
    nodes = {
        "input": nir.Input(np.array([4])),
        "li_synapse": lif(4, v_threshold=0.3),
        "w": nir.Linear(_normal(4, 4)),
        "li": nir.CubaLI(*(np.full(4, one) for one in (3e-3, 9e-3, 2.0, 0.0))),
        "output": nir.Output(np.array([4])),
    }
    return nir.NIRGraph(nodes, list(pairwise(nodes)))


def _late_means() -> Any:
    """Means that are delayed unevenly, and that their neurons see again."""
    delays = np.array([[[1, 2], [3, 1]]]) * DT
    nodes = {
        "input": nir.Input(np.array([1, 4, 4])),
        "lif": lif((1, 4, 4), v_threshold=0.2),
        "means": nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "late": nir.Delay(delays),
        "own": nir.Conv2d((2, 2), _normal(1, 1, 1, 1), (1, 1), (1, 1), (1, 1), 1, np.zeros(1)),
        "flat": nir.Flatten({"input": np.array([1, 2, 2])}, 0, -1),
        "out": nir.Linear(_normal(3, 4)),
        "output": nir.Output(np.array([3])),
    }
    edges = [
        "input lif",
        "lif means",
        "means late",
        "late own",
        "own lif",
        "late flat",
        "flat out",
        "out output",
    ]
    return nir.NIRGraph(nodes, [tuple(edge.split()) for edge in edges])


GRAPHS: dict[str, Callable[[], Any]] = {
    "sum_pooled": _sum_pooled,
    "flat_neurons": _flat_neurons,
    "recurrent": _recurrent,
    "planes_in_a_row": _planes_in_a_row,
    "synapse_names": _synapse_names,
    "late_means": _late_means,
}
