"""Recurrence, delays, skips and graded values between layers: one network through everything there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import brainstate
import numpy as np
import pytest
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.model_files import read_description, save_description
from expifref.network.modules import SpikingNetwork
from expifref.network.simulate import simulate
from quantize.fidelity import compare
from quantize.fidelity.causes import Cause
from quantize.fidelity.hybrid import Hybrid
from quantize.run.emulator import Emulator
from tests.expifref.same import assert_same
from tests.graph_executors import MAKERS, assert_agrees
from tests.networks import lowered, neurons, replace_layer, spike_input
from tests.quantize.fidelity.both_ends import assert_emulator_end, assert_float_end

HIDDEN, STEPS = 14, 40


def wired(seed: int = 3) -> Description:
    """A memory of the input, neurons that hear both and each other later, and two ways out."""
    rng = np.random.default_rng(seed)

    def weight(size: float, shape: tuple[int, int]) -> NDArray[np.float64]:
        drawn: NDArray[np.float64] = rng.normal(size / 4, size, shape) / np.sqrt(shape[0])
        return drawn

    heard = (FeedDescription(INPUT, weight(1.0, (8, 5))),)
    trace = ReadoutDescription("trace", heard, np.zeros(5), np.full(5, 8e-3))
    hidden = SpikingDescription(
        "hidden",
        (
            FeedDescription(INPUT, weight(60e-3, (8, HIDDEN))),
            FeedDescription("trace", weight(10e-3, (5, HIDDEN)), np.array([2])),
            FeedDescription("hidden", weight(40e-3, (HIDDEN, HIDDEN)), np.resize([1, 4, 2], HIDDEN)),
            FeedDescription("behind", weight(30e-3, (6, HIDDEN)), np.array([1])),
        ),
        np.full(HIDDEN, 2e-3),
        None,
        neurons(HIDDEN),
    )
    behind = SpikingDescription(
        "behind",
        (FeedDescription("hidden", weight(30e-3, (HIDDEN, 6))),),
        np.zeros(6),
        np.full(6, 4e-3),
        neurons(6),
    )
    feeds = (
        FeedDescription("hidden", weight(1.0, (HIDDEN, 3))),
        FeedDescription("behind", weight(1.0, (6, 3))),
    )
    readout = ReadoutDescription("out", feeds, np.zeros(3), np.full(3, 10e-3))
    return Description(1e-3, 8, (trace, hidden, behind, readout), "rate", STEPS)


NETWORK = wired()
SPIKES = spike_input(NETWORK)
PROGRAM = lowered(NETWORK)


def test_the_program_is_wired_as_the_network() -> None:
    graph = PROGRAM.graph
    assert [layer.name for layer in graph.layers] == ["trace", "hidden", "behind", "out"]
    hidden = graph.by_name["hidden"]
    assert [feed.source for feed in hidden.feeds] == ["input", "trace", "hidden", "behind"]
    assert [feed.delay.tolist() for feed in hidden.feeds[:2]] == [[0], [2]]
    assert hidden.feeds[2].delay.tolist() == np.resize([1, 4, 2], HIDDEN).tolist()
    assert graph.histories == {"trace": 2, "hidden": 4, "behind": 1}


def test_it_does_what_the_network_does() -> None:
    """Feeds of very different sizes leave each other their multipliers: it is the weights that differ."""
    result = compare(NETWORK, PROGRAM, [(SPIKES, None)])
    for layer in result.layers[1:3]:
        assert layer.spikes is not None
        assert layer.spikes.float_spikes > 100
    assert result.spike_difference < 0.3
    rescaled = Hybrid(NETWORK, PROGRAM, frozenset([Cause.RESCALE])).simulate(SPIKES)
    real = simulate(NETWORK, SPIKES)
    moved = sum(
        int((ours[1].output != theirs[1].output).sum()) for ours, theirs in zip(rescaled, real, strict=True)
    )
    assert moved < 10


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_executor_agrees(name: str) -> None:
    state = {key: values[3:6] for key, values in Emulator(PROGRAM).run(SPIKES).state.items()}
    assert_agrees(name, PROGRAM.graph, SPIKES[:8, :3], state)


def test_the_hybrid_network_has_both_ends() -> None:
    assert_emulator_end(NETWORK, PROGRAM, SPIKES)
    assert_float_end(NETWORK, PROGRAM, SPIKES, (1, 2))
    scale = 2.0 ** PROGRAM.graph.layers[-1].states["output"].format.frac
    hybrid = Hybrid(NETWORK, PROGRAM, frozenset()).simulate(SPIKES)
    for steps, real in zip(hybrid, simulate(NETWORK, SPIKES), strict=True):
        np.testing.assert_allclose(steps[-1].output / scale, real[-1].output, rtol=1e-9, atol=1e-9)


def test_the_module_runs_as_the_arrays_do() -> None:
    """In float64, step by step and as a whole sequence."""
    import jax

    with jax.enable_x64(True):
        values = {
            f"{layer.name}.{part}": jax.numpy.asarray(value * (1e3 if layer.neurons else 1.0))
            for layer in NETWORK.layers
            for part, value in layer.trained.items()
        }
        module: Any = SpikingNetwork(NETWORK, values=values)
        run = module.run(jax.numpy.asarray(SPIKES))
        with brainstate.environ.context(dt=1.0 * u.ms, precision=64):
            brainstate.nn.init_all_states(module, SPIKES.shape[1])
            first = [np.asarray(module(jax.numpy.asarray(frame, float))) for frame in SPIKES[:6]]
    real = [steps[-1].output for steps in simulate(NETWORK, SPIKES)]
    np.testing.assert_allclose(first, real[:6], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.output[:6], first, rtol=1e-5, atol=1e-6)
    assert [spikes.shape[-1] for spikes in run.spikes] == [HIDDEN, 6]


def test_the_model_file_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_description(path, NETWORK)
    assert_same(read_description(path), NETWORK)


def test_delays_that_no_step_has_are_refused() -> None:
    feeds = NETWORK.layers[1].feeds

    def refusal(index: int, **changes: Any) -> str:
        changed = (*feeds[:index], replace(feeds[index], **changes), *feeds[index + 1 :])
        with pytest.raises((ParameterError, UnsupportedError)) as caught:
            lowered(replace_layer(NETWORK, 1, feeds=changed))
        return str(caught.value)

    assert refusal(2, delay=np.array([0])) == (
        "`hidden.delay2` must be at least 1 step where a layer is fed by itself or by a later one, such as "
        "`hidden` by `hidden`"
    )
    assert refusal(0, delay=np.array([1024])) == "`hidden.delay` must be at most 1023 steps, not 1024"
    assert (
        refusal(1, delay=np.array([0.5])) == "`hidden.delay1` must be whole numbers of the shape [1] or [5]"
    )
    assert refusal(3, source="nobody").startswith("`hidden` must be fed by `input` or by a layer, not by")
    assert (
        refusal(3, weight=np.zeros((6, 2))) == "`hidden.weight3` must have 14 outputs, not the shape [6, 2]"
    )


def test_a_readout_feeds_only_what_is_behind_it() -> None:
    late = (*NETWORK.layers[1].feeds, FeedDescription("out", np.ones((3, HIDDEN)), np.array([1])))
    with pytest.raises(UnsupportedError, match="must be fed by the readout `out` only behind it"):
        lowered(replace_layer(NETWORK, 1, feeds=late))
