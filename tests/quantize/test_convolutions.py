"""A convolution, a pooling and a readout: one network through everything there is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.connections.windows import Window
from expifref.exceptions import FileFormatError, ParameterError, UnsupportedError
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.model_files import read_description, save_description
from expifref.network.modules import SpikingNetwork, parameters, with_parameters
from expifref.network.simulate import simulate
from exporters.c.network import c_files
from quantize.fidelity import compare
from quantize.fidelity.twin import channel_scale
from quantize.graph.layers import Convolution, Dense
from quantize.graph.proof import prove_graph
from quantize.jax.network import quantized_network
from quantize.lowering.lower import LoweringOptions
from quantize.lowering.ranges import PRESETS
from quantize.numbers.arrays import codes, column_sums
from quantize.program.file import program_from_json, program_to_json
from quantize.program.sealed import canonical_digest, rfc8785_form
from quantize.run.emulator import Emulator
from tests.expifref.same import assert_same
from tests.graph_executors import LABEL, assert_agrees
from tests.networks import lowered, neurons, replace_layer, spike_input
from tests.quantize.fidelity.both_ends import assert_emulator_end, assert_float_end

CONV = Window(6, 5, 2, (3, 3), 4, padding=((1, 1), (1, 0)))
POOL = Window(*CONV.plane, 4, (2, 2), 4, (2, 2), groups=4)


def convolutional(seed: int = 1) -> Description:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(4e-3, 9e-3, (CONV.rows, CONV.outputs))
    bias = CONV.over_positions(rng.normal(1e-3, 1e-3, CONV.outputs))
    conv = SpikingDescription(
        "conv",
        (FeedDescription(INPUT, kernel, window=CONV),),
        bias,
        np.full(CONV.units, 4e-3),
        neurons(CONV.units),
    )
    pool = SpikingDescription(
        "pool",
        (FeedDescription("conv", np.full((POOL.rows, POOL.outputs), 25e-3), np.array([1]), POOL),),
        np.zeros(POOL.units),
        None,
        neurons(POOL.units),
    )
    weight = rng.normal(0, 1, (POOL.units, 3))
    readout = ReadoutDescription("out", (FeedDescription("pool", weight),), np.zeros(3), np.full(3, 10e-3))
    return Description(1e-3, CONV.sources, (conv, pool, readout), "rate", 30)


NETWORK = convolutional()
SPIKES = spike_input(NETWORK)
PROGRAM = lowered(NETWORK)


def test_kernels_stay_kernels() -> None:
    kinds = [type(one) for layer in PROGRAM.graph.layers for one in layer.connections]
    assert kinds == [Convolution, Convolution, Dense]
    first = PROGRAM.graph.layers[0]
    assert first.connections[0].weight.shape == (CONV.rows, CONV.outputs)
    assert np.abs(first.connections[0].weight).max(axis=0).tolist() == [127] * 4
    multiplier = CONV.by_channel(first.constants["multiplier"])
    assert multiplier is not None
    assert len(set(multiplier.tolist())) == 4
    for one in (connection for layer in PROGRAM.graph.layers for connection in layer.connections):
        assert one.column_sums == column_sums(one.matrix)


def test_it_does_what_the_network_does() -> None:
    result = compare(NETWORK, PROGRAM, [(SPIKES, None)])
    for layer in result.layers[:2]:
        assert layer.spikes is not None
        assert layer.spikes.float_spikes > 100
    assert result.spike_difference < 0.1


@pytest.mark.parametrize("name", ["jax", "native", "c-host", "onnxruntime"])
def test_executors_agree(name: str) -> None:
    state = {key: values[3:5] for key, values in Emulator(PROGRAM).run(SPIKES).state.items()}
    assert_agrees(name, PROGRAM.graph, SPIKES[:6, :2], state)


def test_the_hybrid_network_has_both_ends() -> None:
    assert_emulator_end(NETWORK, PROGRAM, SPIKES)
    assert_float_end(NETWORK, PROGRAM, SPIKES, (0, 1))


def test_the_scale_is_found_at_every_position() -> None:
    """Also at the edge, where a unit sees a part of the kernel only."""
    real, layer = NETWORK.layers[0], PROGRAM.graph.layers[0]
    assert isinstance(real, SpikingDescription)
    target = 2.0 ** layer.states["filter"].format.frac
    weight = real.feeds[0].matrix * real.neuron.resistance / real.neuron.span * target
    kernel = real.feeds[0].weight * target / real.neuron.span[0]
    stated = CONV.over_positions(np.abs(kernel).max(axis=0) / 127)
    found = channel_scale(weight, layer.connections[0].matrix, stated)
    np.testing.assert_allclose(found, stated, rtol=1e-9)


def test_channels_whose_units_differ_are_lowered_as_a_matrix() -> None:
    """Then the positions of a channel need scales of their own."""
    resistance = np.linspace(0.5, 2.0, CONV.units)
    changed = replace_layer(NETWORK, 0, neuron=neurons(CONV.units, resistance=resistance))
    connection = lowered(changed).graph.layers[0].connections[0]
    assert isinstance(connection, Dense)
    assert connection.weight.shape == (CONV.sources, CONV.units)


def test_least_squares_and_the_correction_of_the_bias_help_with_two_bits() -> None:
    """A kernel is fitted by what its rows see, the bias of each unit by what that unit sees."""
    real = np.stack([step[0].current for step in simulate(NETWORK, SPIKES)])
    errors = []
    for ranges, correct in (("max", False), ("mse", False), ("mse", True)):
        options = LoweringOptions(weight_bits=2, ranges=PRESETS[ranges], bias_correction=correct)
        program = lowered(NETWORK, options=options)
        assert isinstance(program.graph.layers[0].connections[0], Convolution)
        filtered = Emulator(program).run(SPIKES).signals["conv.filter"]
        unit = (
            NETWORK.layers[0].neurons[0].span * 2.0 ** -program.graph.layers[0].states["filter"].format.frac
        )
        errors.append(float(((filtered * unit - real).mean(axis=(0, 1)) ** 2).mean()))
    assert errors[2] < 0.2 * errors[1]


def test_the_module_runs_as_the_arrays_do_and_trains_the_kernel() -> None:
    import jax

    with jax.enable_x64(True):
        values = {
            f"{layer.name}.{part}": jax.numpy.asarray(value * (1e3 if layer.neurons else 1.0))
            for layer in NETWORK.layers
            for part, value in layer.trained.items()
        }
        module: Any = SpikingNetwork(NETWORK, values=values)
        run = module.run(jax.numpy.asarray(SPIKES))
    real = [steps[-1].output for steps in simulate(NETWORK, SPIKES)]
    np.testing.assert_allclose(run.output[:6], real[:6], rtol=1e-4, atol=1e-5)
    trained = parameters(NETWORK)
    assert trained["conv.weight"].shape == (CONV.rows, CONV.outputs)
    again = with_parameters(NETWORK, trained).layers[0].feeds[0]
    assert again.window == CONV
    np.testing.assert_allclose(again.weight, NETWORK.layers[0].feeds[0].weight, rtol=1e-6)


def test_the_files_give_it_back(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_description(path, NETWORK)
    assert_same(read_description(path), NETWORK)
    document = json.loads(json.dumps(program_to_json(PROGRAM)))
    again = program_from_json(document, "p")
    assert program_to_json(again) == document
    connection = again.graph.layers[0].connections[0]
    assert isinstance(connection, Convolution)
    assert connection.window == CONV


def test_c_holds_the_kernel_alone() -> None:
    text = c_files(PROGRAM.graph, LABEL)["network.c"]
    assert f"static const int8_t conv_weight[{CONV.rows}][{CONV.outputs}]" in text
    assert f"pool_weight[{POOL.rows}][{POOL.outputs}]" in text


def test_the_float_onnx_model_is_the_network() -> None:
    ort = pytest.importorskip("onnxruntime")
    from exporters.onnx.float_model import float_model

    session = ort.InferenceSession(float_model(NETWORK).SerializeToString())
    found = session.run(None, {session.get_inputs()[0].name: SPIKES})
    names = [one.name for one in session.get_outputs()]
    spikes = np.stack([step[0].output for step in simulate(NETWORK, SPIKES)])
    outputs: dict[str, NDArray[Any]] = dict(zip(names, found, strict=True))
    assert any(one.shape == spikes.shape and (one != spikes).mean() < 1e-2 for one in outputs.values())


def test_a_program_whose_window_does_not_fit_is_refused() -> None:
    def refusal(**changes: Any) -> str:
        layers = PROGRAM.graph.layers
        (feed,) = layers[0].feeds
        connection = replace(feed.connection, **changes)
        first = replace(layers[0], feeds=(replace(feed, connection=connection),))
        with pytest.raises(ParameterError) as caught:
            prove_graph(replace(PROGRAM.graph, layers=(first, *layers[1:])))
        return str(caught.value)

    assert refusal(window=replace(CONV, stride=(2, 2))) == (
        "`conv.feeds.0.window` must make 96 values of 60, not 24 of 60"
    )
    assert refusal(window=replace(CONV, groups=3)).startswith("`conv.feeds.0.window` must have channels")
    assert refusal(weight=codes(np.zeros((17, 4), np.int64))) == (
        "`conv.feeds.0.weight` must have the shape [18, 4], not [17, 4]"
    )


def test_a_file_whose_window_makes_no_sense_is_refused() -> None:
    document = json.loads(json.dumps(program_to_json(PROGRAM)))
    connection = document["graph"]["layers"][0]["feeds"][0]["connection"]

    def refusal() -> str:
        document["digest"] = canonical_digest(document, rfc8785_form)
        with pytest.raises(FileFormatError) as caught:
            program_from_json(document, "p")
        return str(caught.value)

    connection["window"]["dilation"] = [2, 2]
    assert refusal().endswith(".connection.convolution.window.dilation`: this key is not known")
    connection["connection"] = "pooling"
    assert refusal().endswith(".connection`: it says that it is of a kind that is not known")


def test_a_description_whose_kernel_does_not_fit_is_refused() -> None:
    (feed,) = NETWORK.layers[0].feeds

    def refusal(**changes: Any) -> str:
        with pytest.raises(ParameterError) as caught:
            lowered(replace_layer(NETWORK, 0, feeds=(replace(feed, **changes),)))
        return str(caught.value)

    assert refusal(weight=np.zeros((9, 4))) == (
        "`conv.weight` must be the kernel of its window, [18, 4], not of the shape [9, 4]"
    )
    assert (
        refusal(window=replace(CONV, height=7))
        == "`conv.weight` must have 60 inputs, not the shape [70, 112]"
    )


def test_what_has_no_form_for_a_convolution_says_so() -> None:
    uneven = neurons(CONV.units, resistance=np.linspace(1.0, 1.1, CONV.units))
    network = replace_layer(NETWORK, 0, neuron=uneven)
    with pytest.raises(UnsupportedError, match=r"^`conv.weight` must be a kernel in the program too to be"):
        quantized_network(network, lowered(network))
