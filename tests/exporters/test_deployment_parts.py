"""What layers, cores and slices of a deployment hold, and that anything incomplete or edited is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import FileFormatError, ParameterError
from exporters.deployment.assemble import program_of
from exporters.deployment.document import (
    Core,
    CoreSlice,
    DeployedConvolution,
    DeployedLayer,
    Deployment,
    load_deployment,
    save_deployment,
)
from hw_profiles import load_profile
from quantize.graph.layers import LayerState
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format
from quantize.program.sealed import canonical_digest, rfc8785_form
from tests.networks import lowered, network, own_profile
from tests.quantize.test_convolutions import convolutional

from .test_deployment import deployed, round_trip

PROGRAM = lowered(
    network((6, 5, 2), v_th=np.linspace(-35e-3, -28e-3, 5), tau=np.array([1, 2, 2, 1, 1]) / 100)
)
"""Each neuron has a threshold and one of two gain tables; the reset is the same for all."""


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Three cores: three neurons, two neurons and one class, one class."""
    found = deployed(PROGRAM, own_profile(tmp_path, cores=3, neurons_per_core=3))
    assert [len(core.slices) for core in found.cores] == [1, 2, 1]
    return found


def refusal(deployment: Deployment) -> str:
    with pytest.raises(FileFormatError) as caught:
        program_of(deployment)
    return str(caught.value)


def with_slice(deployment: Deployment, core: int, index: int, **changes: Any) -> Deployment:
    cores: list[Core] = list(deployment.cores)
    slices: list[CoreSlice] = list(cores[core].slices)
    slices[index] = replace(slices[index], **changes)
    cores[core] = replace(cores[core], slices=tuple(slices))
    return replace(deployment, cores=tuple(cores))


def with_layer(deployment: Deployment, **changes: Any) -> Deployment:
    layers: list[DeployedLayer] = list(deployment.layers)
    layers[0] = replace(layers[0], **changes)
    return replace(deployment, layers=tuple(layers))


def test_what_is_the_same_for_all_units_is_said_once(deployment: Deployment) -> None:
    layer, part = deployment.layers[0], deployment.cores[0].slices[0]
    assert set(layer.constants) == {*("bias", "decay", "offset", "reset", "refractory_steps", "one", "zero")}
    assert all(len(values) == 1 for values in (*layer.constants.values(), *layer.initial.values()))
    assert set(part.constants) == {"multiplier", "threshold", "gain_index"}
    assert all(len(values) == 3 for values in part.constants.values())
    assert (set(layer.initial), part.initial) == ({"filter", "membrane", "refractory"}, {})


def test_what_no_body_needs_is_left_out(tmp_path: Path) -> None:
    graph = PROGRAM.graph
    first, *others = graph.layers
    more = replace(first, constants=first.constants | {"more": frozen([1]), "each": frozen(range(5))})
    changed = replace(graph, layers=(more, *others))
    again = round_trip(changed, load_profile("generic-16bit"), tmp_path / "d.json")[1]
    assert again.layers[0].constants.keys() == first.constants.keys()


def test_states_that_start_apart(tmp_path: Path) -> None:
    graph = PROGRAM.graph
    first, *others = graph.layers
    apart = LayerState(first.states["membrane"].format, frozen([5, -4, 3, -2, 1]))
    changed = replace(graph, layers=(replace(first, states=first.states | {"membrane": apart}), *others))
    profile = own_profile(tmp_path, cores=3, neurons_per_core=3)
    loaded, again = round_trip(changed, profile, tmp_path / "d.json")
    assert again.layers[0].states["membrane"].initial.tolist() == [5, -4, 3, -2, 1]
    assert refusal(with_slice(loaded, 0, 0, initial={})) == (
        "a slice of layer `layer0` must have 3 values of `membrane`"
    )


def test_a_neuron_that_no_core_holds_is_refused(deployment: Deployment) -> None:
    for start, stop in ((1, 3), (0, 2)):
        assert refusal(with_slice(deployment, 0, 0, start=start, stop=stop)) == (
            f"the cores must hold units 0..4 of layer `layer0` once each, but "
            f"hold [({start}, {stop}), (3, 5)]"
        )
    whole = replace(deployment, cores=deployment.cores[1:])
    routes = tuple(replace(route, cores=tuple(c for c in route.cores if c)) for route in whole.routes)
    assert refusal(replace(whole, routes=routes)) == (
        "the cores must hold units 0..4 of layer `layer0` once each, but hold [(3, 5)]"
    )


def test_a_neuron_that_two_cores_hold_is_refused(deployment: Deployment) -> None:
    assert refusal(with_slice(deployment, 1, 0, start=2)) == (
        "the cores must hold units 0..4 of layer `layer0` once each, but hold [(0, 3), (2, 5)]"
    )


def test_a_slice_of_an_unknown_layer_is_refused(deployment: Deployment) -> None:
    assert refusal(with_slice(deployment, 2, 0, layer="layer7")) == (
        "a slice must belong to one of the layers layer0, readout, not to `layer7`"
    )


@pytest.mark.parametrize("change", [{"cores": (0,)}, {"source": "readout"}, {"layer": "readout"}])
def test_a_route_that_leads_elsewhere_is_refused(change: dict[str, Any], deployment: Deployment) -> None:
    routes = (replace(deployment.routes[0], **change), *deployment.routes[1:])
    assert refusal(replace(deployment, routes=routes)) == (
        "the routes must lead from every source of a layer to every core that holds a part of it, and to no "
        "other"
    )


def test_an_output_that_is_no_layer_is_refused(deployment: Deployment) -> None:
    with pytest.raises(ParameterError) as caught:
        program_of(replace(deployment, output="layer7"))
    assert str(caught.value) == "the output of a program must be one of its layers, not `layer7`"


def test_a_source_that_is_no_layer_is_refused(deployment: Deployment) -> None:
    feeds = (replace(deployment.layers[0].feeds[0], source="layer7"),)
    routes = (replace(deployment.routes[0], source="layer7"), *deployment.routes[1:])
    assert refusal(replace(with_layer(deployment, feeds=feeds), routes=routes)) == (
        "layer `layer0` must be fed by `input` or by a layer, not by `layer7`"
    )


def test_missing_rows_are_refused(deployment: Deployment) -> None:
    (rows,) = deployment.cores[0].slices[0].weight_rows
    assert refusal(with_slice(deployment, 0, 0, weight_rows=(rows[:-1],))) == (
        "a slice of layer `layer0` must have 6 weight rows for `input`, not 5"
    )
    assert refusal(with_slice(deployment, 0, 0, weight_rows=(rows, rows))) == (
        "a slice of layer `layer0` must have as many lists of weight rows as feeds, 1, not 2"
    )


def test_no_inputs_are_refused(deployment: Deployment) -> None:
    empty = replace(deployment, input=replace(deployment.input, channels=0))
    for core, index in ((0, 0), (1, 0)):
        empty = with_slice(empty, core, index, weight_rows=((),))
    with pytest.raises(ParameterError) as caught:
        program_of(empty)
    assert str(caught.value) == f"`input.channels` must lie in 1..{2**53 - 1}, not be 0"


def test_a_damaged_row_is_refused(deployment: Deployment) -> None:
    ((first, *others),) = deployment.cores[0].slices[0].weight_rows
    assert refusal(with_slice(deployment, 0, 0, weight_rows=((f"{first}00", *others),))) == (
        "a weight row of 3 neurons must have 8 hex digits, not 10"
    )


@pytest.mark.parametrize("name", ["threshold", "multiplier", "gain_index"])
def test_missing_constants_are_refused(name: str, deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants)
    message = f"a slice of layer `layer0` must have 3 values of `{name}`"
    short = constants | {name: frozen(constants[name][:-1])}
    assert refusal(with_slice(deployment, 0, 0, constants=short)) == message
    del constants[name]
    assert refusal(with_slice(deployment, 0, 0, constants=constants)) == message


def test_constants_that_neither_layer_nor_slice_has_are_refused(deployment: Deployment) -> None:
    constants = dict(deployment.layers[0].constants)
    del constants["reset"]
    assert refusal(with_layer(deployment, constants=constants)) == (
        "a slice of layer `layer0` must have 3 values of `reset`"
    )
    assert refusal(with_layer(deployment, initial={})) == (
        "a slice of layer `layer0` must have 3 values of `filter`"
    )


def test_several_values_where_there_must_be_one_are_refused(deployment: Deployment) -> None:
    constants = deployment.layers[0].constants | {"reset": frozen(range(5))}
    assert refusal(with_layer(deployment, constants=constants)) == (
        "layer `layer0` must have 1 value of `reset`"
    )


@pytest.mark.parametrize("name", ["voltage", "reset"])
def test_constants_that_nothing_needs_are_refused(name: str, deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants) | {name: frozen([0, 0, 0])}
    assert refusal(with_slice(deployment, 0, 0, constants=constants)) == (
        f"a slice of layer `layer0` has no use for `{name}`"
    )
    both = deployment.layers[0].constants | {"voltage": frozen([0])}
    assert refusal(with_layer(deployment, constants=both)) == "layer `layer0` has no use for `voltage`"


def test_constants_that_no_neuron_can_have_are_refused(deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants) | {"gain_index": frozen([0, 0, 2])}
    with pytest.raises(ParameterError) as caught:
        program_of(with_slice(deployment, 0, 0, constants=constants))
    assert str(caught.value) == "`layer0.gain.index` must lie in 0..1, not in 0..2"


def test_a_table_that_is_not_what_its_hash_says_is_refused(deployment: Deployment) -> None:
    tables = deployment.layers[0].tables
    other = replace(tables["gain"], values=frozen(tables["gain"].values[::-1]))
    assert refusal(with_layer(deployment, tables=tables | {"gain": other})) == (
        "the deployment must hold the tables that it was made with, but the values of `layer0.gain` do not "
        "have the hash it states"
    )


def test_an_input_that_no_program_has_is_refused(deployment: Deployment) -> None:
    port = replace(deployment.input, format=Format(True, 1, 0))
    with pytest.raises(ParameterError) as caught:
        program_of(replace(deployment, input=port))
    assert str(caught.value) == "`input.format` must have 1 to 8 bits, or 2 to 8 with a sign, not s1.0"


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["cores"][0]["slices"][0]["weight_rows"][0].reverse(),
        lambda d: d["cores"][0]["slices"][0]["constants"].update(threshold=[1, 2, 3]),
        lambda d: d["layers"][0]["tables"]["growth"]["values"].reverse(),
        lambda d: d["layers"][0]["body"].reverse(),
        lambda d: d.update(word_bits=8),
        lambda d: d["routes"].pop(),
    ],
)
def test_an_edited_file_is_refused(
    edit: Callable[[dict[str, Any]], Any], deployment: Deployment, tmp_path: Path
) -> None:
    path = tmp_path / "d.json"
    save_deployment(deployment, path)
    document = json.loads(path.read_text())
    stated = document["digest"]
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load_deployment(path)
    assert str(caught.value) == (
        f"`{path}` must have the digest {canonical_digest(document, rfc8785_form)}, but states {stated}: "
        "it was edited or damaged; write it anew"
    )


def test_another_version_and_unknown_keys_are_refused(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    save_deployment(deployment, path)
    document = json.loads(path.read_text())
    another = "must have the schema `expifref/deployment/2`, not"
    for change, message in (
        ({"extra": 1}, "breaks its schema at `extra`: this key is not known"),
        (
            {"schema": "expifref/deployment/1"},
            f'{another} "expifref/deployment/1": export it anew from its program',
        ),
        ({"schema": "expifref/program/2"}, f'{another} "expifref/program/2"'),
    ):
        changed = document | change
        path.write_text(json.dumps(changed | {"digest": canonical_digest(changed, rfc8785_form)}))
        with pytest.raises(FileFormatError) as caught:
            load_deployment(path)
        assert str(caught.value) == f"`{path}` {message}"


def test_a_damaged_convolution_is_refused() -> None:
    deployment = deployed(lowered(convolutional()), load_profile("generic-16bit"))
    (feed,) = deployment.layers[0].feeds
    assert isinstance(feed, DeployedConvolution)

    def changed(**changes: Any) -> Deployment:
        return with_layer(deployment, feeds=(replace(feed, **changes),))

    assert refusal(with_slice(deployment, 0, 0, weight_rows=(feed.kernel_rows,))) == (
        "a slice of layer `conv` must have 0 weight rows for `input`, not 18"
    )
    assert refusal(changed(window=replace(feed.window, outputs=5))).startswith("a weight row of 5 neurons")
    for changes, message in (
        ({"kernel_rows": feed.kernel_rows[1:]}, "`conv.feeds.0.weight` must have the shape [18, 4]"),
        ({"window": replace(feed.window, groups=0)}, "`conv.feeds.0.window` must be made of numbers of 1"),
    ):
        with pytest.raises(ParameterError) as caught:
            program_of(changed(**changes))
        assert str(caught.value).startswith(message)


def test_the_same_program_gives_the_same_file(tmp_path: Path) -> None:
    profile = load_profile("generic-16bit")
    for name in ("a.json", "b.json"):
        save_deployment(deployed(PROGRAM, profile), tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
