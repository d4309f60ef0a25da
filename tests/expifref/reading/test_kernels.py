"""Convolutions found in the matrices of a step: exactly, or not at all."""

from __future__ import annotations

from math import prod

import brainstate
import numpy as np
import pytest
import saiunit as u
from brainstate import nn
from numpy.typing import NDArray

from expifref import ExpIFRef, describe
from expifref.connections.windows import Window
from expifref.network.description import FeedDescription, ReadoutDescription
from expifref.reading.kernels import with_kernels
from tests.expifref.connections.test_windows import WINDOWS, drawn

_PLACES_WITHOUT_VALUES = "strides, padding of one side, groups"
FOUND = {name: window for name, window in WINDOWS.items() if name != _PLACES_WITHOUT_VALUES}
FOUND["strides, padding, groups"] = Window(5, 6, 4, (3, 2), 6, (1, 2), ((1, 0), (1, 1)), 2)


def found_in(matrix: NDArray[np.float64], window: Window) -> FeedDescription:
    """What is made of a feed of `matrix` where the planes of `window` are among those of a step."""
    source, target = (window.height, window.width, window.channels), (*window.plane, window.outputs)
    planes = {prod(source): ((1, prod(source), 1), source)}
    planes[prod(target)] = (*planes.get(prod(target), ()), target)
    layer = ReadoutDescription("a", (FeedDescription("input", matrix),), np.zeros(window.units), None)
    (changed,) = with_kernels([layer], planes)
    return changed.feeds[0]


@pytest.mark.parametrize("name", FOUND)
def test_a_kernel_is_found_wherever_its_matrix_is_all_of_it(name: str) -> None:
    window = FOUND[name]
    matrix = window.expand(drawn(window))
    feed = found_in(matrix, window)
    assert feed.window is not None
    assert feed.weight.size <= window.rows * window.outputs
    np.testing.assert_array_equal(feed.matrix, matrix)


def test_what_is_almost_a_convolution_stays_a_matrix() -> None:
    window = FOUND["strides, padding, groups"]
    matrix = window.expand(drawn(window))
    source, unit = np.argwhere(matrix)[-1]
    matrix[source, unit] = np.nextafter(matrix[source, unit], 1e9)
    feed = found_in(matrix, window)
    assert feed.window is None
    assert feed.weight is matrix


def test_a_pooling_and_the_convolution_behind_it_are_one() -> None:
    brainstate.random.seed(0)
    network = nn.Sequential(
        nn.AvgPool2d(2, 2, channel_axis=-1, in_size=(8, 6, 1)),
        nn.Conv2d((4, 3, 1), 3, 2, padding="VALID"),
        lambda x: x * u.mA,
        ExpIFRef((3, 2, 3)),
        nn.Flatten(1),
        nn.Linear(18, 2),
    )
    first, last = (layer.feeds[0] for layer in describe(network, 1 * u.ms, steps=4, inputs=(8, 6, 1)).layers)
    assert first.window == Window(8, 6, 1, (4, 4), 3, (2, 2))
    np.testing.assert_array_equal(first.weight.reshape(4, 4, -1)[::2], first.weight.reshape(4, 4, -1)[1::2])
    assert last.window is None
