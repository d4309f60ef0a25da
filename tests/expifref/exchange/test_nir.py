"""NIR both ways: what is written means the network, what is read is the network of the file."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from expifref.connections.windows import Window
from expifref.encoders import get_encoder
from expifref.exceptions import UnsupportedError
from expifref.exchange.exporting import nir_graph, write_nir
from expifref.exchange.hdf5 import read_graph
from expifref.exchange.importing import description_of, metadata_of, read_nir
from expifref.exchange.options import Told
from expifref.network.description import INPUT, Description, FeedDescription
from expifref.network.simulate import simulate
from tests.networks import adaptive_neurons, leaky_neurons, neurons, replace_layer, spike_input

from .graphs import DESCRIPTIONS, DT, GRAPHS, lif
from .reference import run

TOLD = Told(DT, 20, "rate")


def outputs(description: Description, spikes: Any) -> Any:
    """Of the last layer, `[steps, batch, units]`."""
    return np.array([steps[-1].output for steps in simulate(description, spikes)])


def by_channel(values: Any, shape: Any) -> Any:
    """`values` `[steps, units]` as NIR counts them."""
    planes = values.reshape(len(values), *shape[1:], shape[0])
    return np.moveaxis(planes, -1, 1)


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_round_trip_is_the_same_network(name: str, tmp_path: Path) -> None:
    description = DESCRIPTIONS[name]()
    path = tmp_path / "net.nir"
    write_nir(description, path)
    graph = read_graph(path)
    assert metadata_of(graph) == {"dt": DT, "steps": 20, "encoder": description.encoder}
    again = description_of(graph, Told(**metadata_of(graph)))
    spikes = spike_input(description, batch=3)
    expected = outputs(description, spikes)
    assert np.abs(outputs(again, spikes) - expected).max() <= 1e-6
    assert np.count_nonzero(expected) > 10


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_what_is_written_means_the_network(name: str, tmp_path: Path) -> None:
    """By the equations of NIR, in the graph that its own package reads."""
    description = DESCRIPTIONS[name]()
    write_nir(description, tmp_path / "net.nir")
    graph = nir.read(tmp_path / "net.nir")
    spikes = spike_input(description, batch=1)
    frames = spikes[:, 0] * get_encoder(description.encoder).scale
    shape = graph.nodes["input"].input_type["input"]
    expected = run(graph, by_channel(frames, shape), DT)
    assert np.abs(outputs(description, spikes)[:, 0] - expected).max() <= 1e-6


@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_read_is_the_network_of_the_file(name: str, tmp_path: Path) -> None:
    graph = GRAPHS[name]()
    nir.write(tmp_path / "net.nir", graph)
    description = read_nir(tmp_path / "net.nir", TOLD)
    spikes = spike_input(description, batch=1)
    shape = graph.nodes["input"].input_type["input"]
    expected = run(graph, by_channel(spikes[:, 0].astype(float), shape), DT)
    found = outputs(description, spikes)[:, 0]
    assert np.abs(found - expected).max() <= 1e-6
    assert np.count_nonzero(expected) > 10


def test_a_graph_in_a_graph_is_one(tmp_path: Path) -> None:
    inner = nir.NIRGraph(
        {
            "input": nir.Input(np.array([6])),
            "lif": lif(6),
            "own": nir.Linear(np.eye(6)),
            "output": nir.Output(np.array([6])),
        },
        [("input", "lif"), ("lif", "own"), ("own", "lif"), ("lif", "output")],
    )
    outer = nir.NIRGraph.from_list(nir.Linear(np.ones((6, 4))), inner)
    nir.write(tmp_path / "net.nir", outer)
    (layer,) = read_nir(tmp_path / "net.nir", TOLD).layers
    assert [(feed.source, feed.longest) for feed in layer.feeds] == [("input", 0), (layer.name, 1)]
    assert (layer.name, layer.path) == ("nirgraph_lif", "nodes.nirgraph.lif")


def test_eulers_rule_keeps_what_it_keeps() -> None:
    """`v' = v + dt / tau (v_leak - v + r i)`, as tools in steps have it."""
    graph = nir.NIRGraph.from_list(
        nir.Linear(np.ones((1, 1))), nir.LI(*(np.array([one]) for one in (5e-3, 2.0, 0.0)))
    )
    description = description_of(_kept(graph), replace(TOLD, rule="euler"))
    found = outputs(description, np.ones((3, 1, 1), np.uint8)).ravel()
    value, expected = 0.0, []
    for _ in range(3):
        value += 0.2 * (2.0 - value)
        expected.append(value)
    assert found == pytest.approx(expected, rel=1e-12)


def test_a_spike_is_subtracted_where_that_is_told() -> None:
    graph = nir.NIRGraph.from_list(nir.Linear(np.ones((2, 1))), lif(2))
    (layer,) = description_of(_kept(graph), replace(TOLD, reset="subtracted")).layers
    assert [neuron.subtracted for neuron in layer.neurons if hasattr(neuron, "subtracted")] == [True]


def _kept(graph: Any) -> Any:
    """`graph` as it is read from a file."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        nir.write(Path(folder) / "net.nir", graph)
        return read_graph(Path(folder) / "net.nir")


WRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "exponential": ({"neuron": neurons(9)}, "`a` must have leaky neurons: NIR has no node for exponential"),
    "adaptive": ({"neuron": adaptive_neurons(9)}, "`a` must have leaky neurons: NIR has no node for"),
    "refractory": ({"neuron": leaky_neurons(9)}, "`a.tau_ref` must be at most a step"),
    "subtracted": ({"neuron": leaky_neurons(9, "subtracted", tau_ref=0.0)}, "`a` must reset to V_reset"),
    "start": ({"neuron": leaky_neurons(9, tau_ref=0.0, v_initial=-66e-3)}, "`a.V_initial` must be V_rest"),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_nir_cannot_say_is_not_written(case: str) -> None:
    changes, sentence = WRITTEN[case]
    with pytest.raises(UnsupportedError, match=sentence):
        nir_graph(replace_layer(DESCRIPTIONS["chain"](), 0, **changes))


def test_values_in_a_row_become_no_plane() -> None:
    window = Window(3, 3, 1, (2, 2), 2)
    feed = FeedDescription("a", np.ones((4, 2)), window=window)
    network = replace_layer(DESCRIPTIONS["chain"](), 1, feeds=(feed,))
    with pytest.raises(UnsupportedError, match="`a` must be given planes alone"):
        nir_graph(network)


def _nodes(*middle: Any) -> Any:
    """A graph whose types nobody has checked."""
    nodes = {"input": nir.Input(np.array([4])), **{f"n{index}": node for index, node in enumerate(middle)}}
    nodes["output"] = nir.Output(np.array([4]))
    names = list(nodes)
    return nir.NIRGraph(nodes, list(pairwise(names)), type_check=False)


def _with_edges(graph: Any, *edges: tuple[str, str]) -> Any:
    graph.edges.extend(edges)
    return graph


def _four(**changes: Any) -> Any:
    return lif(4, **changes)


EYE = np.eye(4)
REFUSED: dict[str, tuple[Any, str]] = {
    "if": (_nodes(nir.IF(*(np.ones(4) for _ in range(2)))), "the IF node `n0` must leak"),
    "threshold": (_nodes(nir.Threshold(np.ones(4))), "the Threshold node `n0` must have a membrane"),
    "integrator": (_nodes(nir.I(np.ones(4))), "the I node `n0` must leak"),
    "widths": (_nodes(nir.Linear(np.ones((4, 5))), _four()), r"node `n0` must have weights for the \[4\]"),
    "neurons": (
        _nodes(nir.Linear(np.ones((5, 4))), _four()),
        r"LIF node `n1` must have numbers for the \[5\]",
    ),
    "shapes": (
        _nodes(nir.Conv1d(4, np.ones((1, 1, 2)), 1, 0, 1, 1, np.ones(1))),
        "`n0` must be given a signal",
    ),
    "nan": (_nodes(nir.Linear(EYE * np.nan), _four()), "`weight` of the Linear node `n0` must be finite"),
    "tau": (_nodes(_four(tau=0.0)), "`tau` of the LIF node `n0`: time constants must be above 0 ms"),
    "threshold below reset": (_nodes(_four(v_reset=2.0)), r"`n0.V_reset` \(`nodes.n0`\) must be below V_th"),
    "leak of an integrator": (
        _nodes(nir.LI(np.ones(4), np.ones(4), np.ones(4))),
        "the LI node `n0` must have a v_leak of 0",
    ),
    "delay": (_nodes(nir.Delay(np.full(4, 0.5e-3)), _four()), "`n0` must have delays of whole steps of 1 ms"),
    "circle of matrices": (
        _with_edges(_nodes(nir.Linear(EYE), nir.Linear(EYE), _four()), ("n1", "n0")),
        "a circle of nodes must have a neuron or an integrator in it: n1 -> n0 -> n1",
    ),
    "circle of neurons": (
        _with_edges(_nodes(_four(), _four()), ("n1", "n0")),
        "a circle of several layers must have a Delay in it",
    ),
    "two outputs": (
        nir.NIRGraph(
            {"a": nir.Input(np.array([4])), "b": nir.Output(np.array([4])), "c": nir.Output(np.array([4]))},
            [("a", "b"), ("a", "c")],
            type_check=False,
        ),
        "a NIR graph must have one Output node, not 2: b, c",
    ),
    "huge": (
        nir.NIRGraph(
            {"a": nir.Input(np.array([10**12])), "b": nir.Output(np.array([10**12]))},
            [("a", "b")],
            type_check=False,
        ),
        "must have whole numbers `shape`",
    ),
    "dimensions": (
        _nodes(nir.Flatten({"input": np.array([4])}, 3, 9), _four()),
        "`n0` must flatten dimensions",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_understood_is_refused_by_the_path_of_its_node(case: str, tmp_path: Path) -> None:
    graph, sentence = REFUSED[case]
    nir.write(tmp_path / "net.nir", graph)
    with pytest.raises((UnsupportedError, ValueError), match=sentence):
        read_nir(tmp_path / "net.nir", TOLD)


def test_a_node_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    graph = _nodes(lif(4))
    graph.nodes["lost"] = lif(4)
    graph.edges.append((INPUT, "lost"))
    nir.write(tmp_path / "net.nir", graph)
    with pytest.raises(UnsupportedError, match="all nodes must lead to the output, and these do not: lost"):
        read_nir(tmp_path / "net.nir", TOLD)
