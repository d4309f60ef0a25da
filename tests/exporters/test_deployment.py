"""Deployment files: the graph comes back from the cores."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exporters.deployment import make
from exporters.deployment.assemble import program_of
from exporters.deployment.document import (
    Deployment,
    Route,
    deployment_to_json,
    load_deployment,
    save_deployment,
)
from exporters.deployment.make import deploy
from hw_profiles import Profile, load_profile
from quantize.graph.layers import Graph
from quantize.lowering.lower import LoweringOptions
from quantize.numbers.arrays import LARGE, codes, frozen
from quantize.numbers.formats import Format
from quantize.program.file import digest, program_to_json
from quantize.program.label import label_of
from quantize.program.program import Evidence, Program
from quantize.run.emulator import GraphEmulator
from tests.graph_executors import LABEL
from tests.graphs import random_graph
from tests.networks import lowered, network, own_profile, replace_layer, spike_input
from tests.programs import random_program
from tests.quantize.test_convolutions import convolutional


def deployed(program: Program, profile: Profile) -> Deployment:
    return deploy(program.graph, label_of(program), profile)


def round_trip(graph: Graph, profile: Profile, path: Path) -> tuple[Deployment, Graph]:
    save_deployment(deploy(graph, LABEL, profile), path)
    loaded = load_deployment(path)
    return loaded, program_of(loaded).graph


def document(graph: Graph) -> dict[str, Any]:
    """The graph as a file says it, of its constants those that its bodies name."""
    layers = []
    for layer in graph.layers:
        named = {getattr(one, key, None) for one in layer.body for key in ("constant", "index")}
        constants = {name: values for name, values in layer.constants.items() if name in named}
        layers.append(replace(layer, constants=constants))
    evidence = Evidence("0", "0" * 64, {})
    program = Program(1e-3, "rate", 5, replace(graph, layers=tuple(layers)), evidence)
    found: dict[str, Any] = program_to_json(program)["graph"]
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_random_graph_comes_back_from_its_file(seed: int, tmp_path: Path) -> None:
    graph = random_graph(seed) if seed % 2 else random_program(seed).graph
    limits: dict[str, Any] = {
        "cores": 40,
        "neurons_per_core": 1 + seed % 4,
        "memory_word_bits": (8, 9, 16, 32)[seed // 2 % 4],
    }
    loaded, again = round_trip(graph, own_profile(tmp_path, **limits), tmp_path / "d.json")
    assert loaded.word_bits == limits["memory_word_bits"]
    assert document(again) == document(graph)


@pytest.mark.parametrize("large", [False, True])
def test_a_convolution_is_held_as_its_kernel(
    large: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Read by docs/deployment.md alone: two weights of four bits to a word of nine, three digits each."""
    monkeypatch.setattr(make, "LARGE", 0 if large else LARGE)
    program = lowered(convolutional(), "generic-16bit", LoweringOptions(weight_bits=4))
    profile = own_profile(tmp_path, cores=9, neurons_per_core=60, memory_word_bits=9)
    loaded, again = round_trip(program.graph, profile, tmp_path / "d.json")
    assert document(again) == document(program.graph)
    wanted = program_to_json(program)["graph"]["layers"][0]["feeds"][0]["connection"]
    held = deployment_to_json(loaded)
    (feed,) = held["layers"][0]["feeds"]
    assert (feed["connection"], feed["window"]) == ("convolution", wanted["window"])
    slices = [part for core in held["cores"] for part in core["slices"] if part["layer"] == "conv"]
    assert [part["weight_rows"] for part in slices] == [[[]], [[]]]
    if not large:
        fields = [
            [int(row[at : at + 3], 16) >> shift & 15 for at in (0, 3) for shift in (0, 4)]
            for row in feed["kernel_rows"]
        ]
        kernel = [[field - 16 if field > 7 else field for field in row] for row in fields]
        assert kernel == program.graph.layers[0].feeds[0].connection.weight.tolist()


@pytest.mark.parametrize("neurons_per_core", [4, 7, 100])
@pytest.mark.parametrize("synapse", [5e-3, None])
def test_a_lowered_program_behaves_the_same_on_several_cores(
    neurons_per_core: int, synapse: float | None, tmp_path: Path
) -> None:
    description = network((12, 10, 8, 3), tau_synapse=synapse)
    profile = own_profile(tmp_path, cores=9, neurons_per_core=neurons_per_core)
    program = lowered(description, profile)
    save_deployment(deployed(program, profile), tmp_path / "d.json")
    loaded = load_deployment(tmp_path / "d.json")
    again = program_of(loaded)
    assert len(loaded.cores) == -(-21 // neurons_per_core)
    assert loaded.program == digest(program)
    assert loaded.profile_sha256 == profile.digest
    assert (again.dt_seconds, again.encoder, again.steps) == (1e-3, "rate", 25)
    spikes = spike_input(description)
    ours, theirs = (GraphEmulator(one.graph).run(spikes).signals for one in (program, again))
    assert ours["layer1.spikes"].any()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("word", [8, 3, 1])
def test_weights_with_and_without_a_sign(
    signed: bool, word: int, large: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every weight of two and of five bits, in hex digits and as a matrix of words."""
    monkeypatch.setattr(make, "LARGE", 0 if large else LARGE)
    graph = lowered(network((32, 5, 2), tau_synapse=None), "generic-8bit").graph
    first, *others = graph.layers
    (feed,) = first.feeds
    for bits in (2, 5):
        fmt = Format(signed, bits, 0)
        values = np.resize(np.arange(fmt.lo, fmt.hi + 1), (32, 5))
        dense = replace(feed.connection, weight=codes(values), weight_format=fmt)
        layer = replace(first, feeds=(replace(feed, connection=dense),))
        changed = replace(graph, layers=(layer, *others))
        profile = own_profile(tmp_path, cores=2, neurons_per_core=4, memory_word_bits=word)
        again = round_trip(changed, profile, tmp_path / "d.json")[1]
        np.testing.assert_array_equal(again.layers[0].feeds[0].connection.weight, values)


def test_every_route_leads_to_the_cores_of_its_layer(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=9, neurons_per_core=7)
    program = lowered(network((12, 10, 8, 3)), profile)
    assert deployed(program, profile).routes == (
        Route("input", "layer0", (0, 1)),
        Route("layer0", "layer1", (1, 2)),
        Route("layer1", "readout", (2,)),
    )


def test_feeds_from_all_sides_have_routes(tmp_path: Path) -> None:
    """`layer0` is fed by the input twice, by itself and by `layer1`, which comes later."""
    profile = own_profile(tmp_path, cores=9, neurons_per_core=7)
    graph = lowered(network((12, 10, 8, 3)), profile).graph
    first, second, _ = graph.layers
    (feed,) = first.feeds
    back = [
        replace(feed, source=name, delay=frozen([1]), connection=replace(feed.connection, weight=weight))
        for name, weight in (("layer0", codes(np.eye(10, dtype=int))), ("layer1", codes(np.ones((8, 10)))))
    ]
    layers = (replace(first, feeds=(feed, feed, *back)), second)
    loaded, again = round_trip(Graph(graph.input, layers, "layer1"), profile, tmp_path / "d.json")
    assert loaded.routes == (
        Route("input", "layer0", (0, 1)),
        Route("layer0", "layer0", (0, 1)),
        Route("layer1", "layer0", (0, 1)),
        Route("layer0", "layer1", (1, 2)),
    )
    assert [feed.source for feed in again.layers[0].feeds] == ["input", "input", "layer0", "layer1"]


def test_the_example_of_the_documentation_is_true() -> None:
    """docs/deployment.md, "A worked example"."""
    description = network((2, 3, 1), tau_synapse=None)
    weight = np.array([[20e-3, -5e-3, 40e-3], [10e-3, 15e-3, 0.0]])
    description = replace_layer(description, 0, weight=weight, bias=np.zeros(3))
    program = lowered(description, "generic-8bit")
    found = deployed(program, load_profile("generic-8bit"))
    (part, _), layer = found.cores[0].slices, found.layers[0]
    assert part.weight_rows == (("7fd67f", "407f00"),)
    assert {name: values.tolist() for name, values in part.constants.items()} == {"multiplier": [93, 70, 185]}
    assert {name: values.tolist() for name, values in layer.constants.items()} == {
        "bias": [-3001],
        "threshold": [69],
        "reset": [-19],
        "refractory_steps": [1],
        "one": [1],
        "zero": [0],
    }
    assert {name: values.tolist() for name, values in layer.initial.items()} == {
        "membrane": [-12],
        "refractory": [0],
    }
    shift = program.graph.layers[0].results["scaled"]
    assert (shift.op, getattr(shift, "shift", None)) == ("round_shift", 8)
    drive = GraphEmulator(program.graph).run(np.array([[[1, 0]]], np.uint8)).signals["layer0.drive"]
    assert drive[0, 0, 0] == 34
