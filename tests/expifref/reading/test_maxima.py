"""Convolutions are read as kernels, and maxima of spikes as neurons that are exact in integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brainstate
import brainstate.nn as nn
import braintools
import numpy as np
import pytest
import saiunit as u
from brainstate.nn import Linear, Sequential

from expifref.connections.windows import Window
from expifref.network.description import Description
from expifref.network.model_files import read_description, save_description
from expifref.network.simulate import simulate
from expifref.neurons.expif import ExpIFRef
from expifref.reading.describe import describe
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.run.emulator import Emulator
from tests.expifref.reading.closed_loop import read_unguarded

PLANE = (4, 6, 2)
FRAMES = (np.random.default_rng(1).random((25, 3, 24)) < 0.3).astype(np.uint8)


def neurons(size: Any) -> tuple[Any, ...]:
    return lambda x: x * u.mA, ExpIFRef(size, R=60.0 * u.ohm)


def image(*layers: Any, width: int) -> Sequential:
    """Neurons on a plane, and what is behind them."""
    brainstate.random.seed(0)
    strong = braintools.init.KaimingNormal(scale=2.0)
    conv = nn.Conv2d((4, 6, 1), 2, 3, w_init=strong)
    return Sequential(conv, *neurons(PLANE), *layers, nn.Flatten(1), Linear(width, 3))


@pytest.fixture(scope="module")
def pooled() -> Description:
    return describe(image(nn.MaxPool2d(3, 2, padding=1), width=12), 1.0 * u.ms, steps=25)


def windows_of_maxima(spikes: Any) -> Any:
    padded = np.pad(spikes.reshape(*spikes.shape[:2], *PLANE), ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    return views.max((-2, -1)).reshape(*spikes.shape[:2], -1)


def test_kernels_are_found_and_the_maximum_is_one_of_ones(pooled: Description) -> None:
    conv, pool, readout = (layer.feeds[0] for layer in pooled.layers)
    assert conv.window == Window(4, 6, 1, (3, 3), 2, padding=((1, 1), (1, 1)))
    assert pool.window == Window(*PLANE, (3, 3), 2, (2, 2), ((1, 0), (1, 0)), groups=2)
    np.testing.assert_array_equal(pool.weight, np.full((9, 2), 1e-3))
    assert readout.window is None


@pytest.mark.parametrize("profile", ["generic-16bit", "generic-8bit"])
@pytest.mark.parametrize("seen", [0, 1])
def test_in_integers_too_a_maximum_is_one_whatever_calibration_saw(
    pooled: Description, profile: str, seen: int
) -> None:
    program = lower(pooled, calibrate(pooled, [FRAMES * seen]), load_profile(profile))
    found = Emulator(program).run(FRAMES).signals
    first, second = (layer.name for layer in program.graph.layers[:2])
    spikes = found[f"{first}.spikes"]
    assert 0.05 < windows_of_maxima(spikes).mean() < 0.95
    np.testing.assert_array_equal(found[f"{second}.spikes"], windows_of_maxima(spikes))


def test_the_float_network_from_a_file_has_the_maximum_too(pooled: Description, tmp_path: Path) -> None:
    save_description(tmp_path / "net.npz", pooled)
    steps = list(simulate(read_description(tmp_path / "net.npz"), FRAMES))
    spikes, maxima = (np.stack([step[index].output for step in steps]) for index in (0, 1))
    assert spikes.any()
    np.testing.assert_array_equal(maxima, windows_of_maxima(spikes))


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (nn.AvgPool2d(2, 2), Window(*PLANE, (6, 6), 5, (2, 2), ((2, 2), (2, 2)))),
        (nn.AvgPool2d(2, 2, padding=(0, 1)), None),  # the padding of the pooled plane is no zeros further out
    ],
)
def test_a_convolution_behind_a_pooling_is_one(between: Any, expected: Window | None) -> None:
    size = between(np.zeros((1, *PLANE), np.float32)).shape[1:]
    conv = nn.Conv2d(size, 5, 3, w_init=braintools.init.KaimingNormal())
    plane = tuple(conv.out_size)
    found, _ = read_unguarded(image(between, conv, *neurons(plane), width=int(np.prod(plane))))
    assert found.layers[1].feeds[0].window == expected
