"""Deployment files: the program comes back from the cores, and anything incomplete or edited is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import FileFormatError, ParameterError
from exporters.deployment.document import Core, CoreSlice, Deployment, load_deployment, save_deployment
from exporters.deployment.make import deploy, program_of
from hw_profiles import Profile, load_profile
from quantize.arrays import frozen
from quantize.emulator import Emulator
from quantize.program import Program
from quantize.program_io import digest
from quantize.sealed import canonical_digest
from tests.networks import lowered, network, own_profile, replace_layer, spike_input
from tests.programs import random_input, random_program, random_state


def assert_same_behaviour(a: Program, b: Program, seed: int) -> None:
    spikes = random_input(a, 8, 2, seed)
    for state in (None, random_state(a, 2, seed)):
        ours, theirs = Emulator(a).run(spikes, state), Emulator(b).run(spikes, state)
        assert list(ours.signals) == list(theirs.signals)
        for name, values in ours.signals.items():
            np.testing.assert_array_equal(values, theirs.signals[name], err_msg=name)


def round_trip(program: Program, profile: Profile, path: Path) -> tuple[Deployment, Program]:
    save_deployment(deploy(program, profile), path)
    loaded = load_deployment(path)
    return loaded, program_of(loaded)


@pytest.mark.parametrize("seed", range(40))
def test_a_random_program_behaves_the_same_from_its_file(seed: int, tmp_path: Path) -> None:
    program = random_program(seed)
    limits: dict[str, Any] = {
        "cores": 40,
        "neurons_per_core": 1 + seed % 4,
        "memory_word_bits": (8, 9, 16, 32)[seed % 4],
    }
    loaded, again = round_trip(program, own_profile(tmp_path, **limits), tmp_path / "d.json")
    assert loaded.word_bits == limits["memory_word_bits"]
    assert_same_behaviour(program, again, seed)


@pytest.mark.parametrize("neurons_per_core", [4, 7, 100])
@pytest.mark.parametrize("synapse", [5e-3, None])
def test_a_lowered_program_behaves_the_same_on_several_cores(
    neurons_per_core: int, synapse: float | None, tmp_path: Path
) -> None:
    description = network((12, 10, 8, 3), tau_synapse=synapse)
    profile = own_profile(tmp_path, cores=9, neurons_per_core=neurons_per_core)
    program = lowered(description, profile)
    loaded, again = round_trip(program, profile, tmp_path / "d.json")
    assert len(loaded.cores) == -(-21 // neurons_per_core)
    assert loaded.program == digest(program)
    assert loaded.profile_sha256 == profile.digest
    spikes = spike_input(description)
    ours, theirs = Emulator(program).run(spikes).signals, Emulator(again).run(spikes).signals
    assert ours["layer1.spikes"].any()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def test_every_route_leads_to_the_cores_of_its_layer(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=9, neurons_per_core=7)
    deployment = deploy(lowered(network((12, 10, 8, 3)), profile), profile)
    assert [(route.source, route.layer, route.cores) for route in deployment.routes] == [
        (None, 0, (0, 1)),
        (0, 1, (1, 2)),
        (1, 2, (2,)),
    ]


PROGRAM = lowered(network((6, 5, 2)))


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """Three cores: three neurons, two neurons and one class, one class."""
    found = deploy(PROGRAM, own_profile(tmp_path, cores=3, neurons_per_core=3))
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


def test_a_neuron_that_no_core_holds_is_refused(deployment: Deployment) -> None:
    for start, stop in ((1, 3), (0, 2)):
        assert refusal(with_slice(deployment, 0, 0, start=start, stop=stop)) == (
            "the cores must hold neurons 0..4 of layer `hidden0` once each, "
            f"but hold [({start}, {stop}), (3, 5)]"
        )


def test_a_neuron_that_two_cores_hold_is_refused(deployment: Deployment) -> None:
    assert refusal(with_slice(deployment, 1, 0, start=2)) == (
        "the cores must hold neurons 0..4 of layer `hidden0` once each, but hold [(0, 3), (2, 5)]"
    )


def test_a_slice_of_an_unknown_layer_is_refused(deployment: Deployment) -> None:
    assert refusal(with_slice(deployment, 2, 0, layer=2)) == (
        "a slice must belong to one of 2 layers, not to layer 2"
    )


def test_a_route_that_misses_a_core_is_refused(deployment: Deployment) -> None:
    routes = (replace(deployment.routes[0], cores=(0,)), *deployment.routes[1:])
    assert refusal(replace(deployment, routes=routes)) == (
        "the routes must lead to every core that holds a part of a layer, and to no other"
    )


def test_an_output_before_the_last_layer_is_refused(deployment: Deployment) -> None:
    assert refusal(replace(deployment, output_layer=0)) == "the output layer must be the last one, 1, not 0"


def test_missing_rows_are_refused(deployment: Deployment) -> None:
    rows = deployment.cores[0].slices[0].weight_rows
    assert refusal(with_slice(deployment, 0, 0, weight_rows=rows[:-1])) == (
        "a slice of layer `hidden0` must have 6 weight rows, not 5"
    )


def test_a_damaged_row_is_refused(deployment: Deployment) -> None:
    rows = deployment.cores[0].slices[0].weight_rows
    assert refusal(with_slice(deployment, 0, 0, weight_rows=(rows[0] + "00", *rows[1:]))) == (
        "a weight row of 3 neurons must have 8 hex digits, not 10"
    )


@pytest.mark.parametrize(
    "name", ["threshold", "reset", "bias", "multiplier", "decay", "offset", "gain_index"]
)
def test_missing_constants_are_refused(name: str, deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants)
    message = f"a slice of layer `hidden0` must have 3 values of `{name}`"
    short = constants | {name: frozen(constants[name][:-1])}
    assert refusal(with_slice(deployment, 0, 0, constants=short)) == message
    del constants[name]
    assert refusal(with_slice(deployment, 0, 0, constants=constants)) == message


def test_unknown_constants_are_refused(deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants) | {"voltage": frozen([0, 0, 0])}
    assert refusal(with_slice(deployment, 0, 0, constants=constants)) == (
        "a slice of layer `hidden0` has no use for `voltage`"
    )


def test_constants_that_no_neuron_can_have_are_refused(deployment: Deployment) -> None:
    constants = dict(deployment.cores[0].slices[0].constants) | {"gain_index": frozen([0, 0, 1])}
    with pytest.raises(ParameterError) as caught:
        program_of(with_slice(deployment, 0, 0, constants=constants))
    assert str(caught.value) == "`layer0.gain_index` must lie in 0..0, not in 0..1"


def test_a_layer_is_spiking_or_a_readout(deployment: Deployment) -> None:
    first, last = deployment.layers
    for broken in (replace(first, kind="readout"), replace(first, neuron=None)):
        assert refusal(replace(deployment, layers=(broken, last))) == (
            "layer `hidden0` must be spiking with a neuron, or a readout with a filter and no neuron"
        )


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d["cores"][0]["slices"][0]["weight_rows"].reverse(),
        lambda d: d["cores"][0]["slices"][0]["constants"].update(threshold=[1, 2, 3]),
        lambda d: d["layers"][0]["neuron"]["growth"]["values"].reverse(),
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
        f"`{path}` must have the digest {canonical_digest(document)}, but states {stated}: "
        "it was edited or damaged; write it anew"
    )


def test_another_version_and_unknown_keys_are_refused(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    save_deployment(deployment, path)
    document = json.loads(path.read_text())
    for change, message in (
        ({"extra": 1}, f"`{path}` breaks its schema at `extra`: this key is not known"),
        (
            {"schema": "expifref/deployment/2"},
            f'`{path}` must have the schema `expifref/deployment/1`, not "expifref/deployment/2"',
        ),
    ):
        changed = document | change
        path.write_text(json.dumps(changed | {"digest": canonical_digest(changed)}))
        with pytest.raises(FileFormatError) as caught:
            load_deployment(path)
        assert str(caught.value) == message


def test_the_example_of_the_documentation_is_true() -> None:
    """docs/deployment.md, "A worked example"."""
    description = network((2, 3, 1), tau_synapse=None)
    weight = np.array([[20e-3, -5e-3, 40e-3], [10e-3, 15e-3, 0.0]])
    description = replace_layer(description, 0, weight=weight, bias=np.zeros(3))
    program = lowered(description, "generic-8bit")
    (part, _) = deploy(program, load_profile("generic-8bit")).cores[0].slices
    assert part.weight_rows == ("7fd67f", "407f00")
    assert {name: values.tolist() for name, values in part.constants.items()} == {
        "multiplier": [93, 70, 185],
        "bias": [-3001, -3001, -3001],
        "threshold": [69, 69, 69],
        "reset": [-19, -19, -19],
        "initial": [-12, -12, -12],
        "refractory_steps": [1, 1, 1],
        "gain_index": [0, 0, 0],
    }
    assert program.layers[0].rescale.shift == 8
    drive = Emulator(program).run(np.array([[[1, 0]]], np.uint8)).signals["layer0.drive"]
    assert drive[0, 0, 0] == 34


def test_the_same_program_gives_the_same_file(tmp_path: Path) -> None:
    profile = load_profile("generic-16bit")
    for name in ("a.json", "b.json"):
        save_deployment(deploy(PROGRAM, profile), tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
