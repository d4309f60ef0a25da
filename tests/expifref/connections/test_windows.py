"""What a window means, held against the convolutions of JAX, and kernels found in dense matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.connections.convolve import convolved
from expifref.connections.kernels import convolution
from expifref.connections.windows import Window, as_convolution, check_window
from expifref.exceptions import ParameterError
from expifref.network.description import FeedDescription

WINDOWS = {
    "one row": Window(1, 7, 3, (1, 3), 2, (1, 2), ((0, 0), (1, 1))),
    "strides, padding of one side, groups": Window(5, 6, 4, (3, 2), 6, (1, 2), ((1, 0), (2, 1)), 2),
    "pooling": Window(4, 4, 3, (2, 2), 3, (2, 2), groups=3),
    "pooling with padding, as many places as without": Window(
        6, 6, 3, (3, 3), 3, (3, 3), ((1, 1), (1, 1)), 3
    ),
    "pooling with padding of one side": Window(4, 4, 3, (2, 2), 3, (2, 2), ((1, 0), (0, 1)), 3),
    "pooling that leaves an edge out": Window(5, 7, 2, (2, 3), 2, (2, 3), groups=2),
    "a kernel larger than the plane": Window(3, 3, 2, (5, 5), 1, padding=((2, 2), (4, 4))),
    "steps that skip values": Window(5, 7, 2, (1, 2), 3, (3, 4)),
}


def drawn(window: Window, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(window.rows, window.outputs))


def convolved_by_jax(window: Window, kernel: Any, planes: Any) -> Any:
    """By JAX: `planes` `[batch, height, width, channels]`."""
    w = window
    shaped = kernel.reshape(*w.kernel, w.channels // w.groups, w.outputs)
    found = jax.lax.conv_general_dilated(
        planes,
        shaped,
        w.stride,
        w.padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=w.groups,
    )
    return found.reshape(len(planes), -1)


@pytest.mark.parametrize("name", WINDOWS)
def test_the_dense_matrix_convolves(name: str) -> None:
    window = WINDOWS[name]
    kernel = drawn(window)
    planes = np.random.default_rng(1).normal(size=(2, window.height, window.width, window.channels))
    matrix = window.expand(kernel)
    assert matrix.shape == (window.sources, window.units)
    with jax.enable_x64(True):
        wanted = convolved_by_jax(window, jnp.asarray(kernel), jnp.asarray(planes))
        np.testing.assert_allclose(planes.reshape(2, -1) @ matrix, wanted, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(window.expand(jnp.asarray(kernel)), matrix)
    np.testing.assert_allclose(convolved(window, planes.reshape(2, -1), kernel, float), wanted, atol=1e-12)
    np.testing.assert_array_equal(window.fan_out, np.count_nonzero(matrix, axis=1))
    each = window.seen.sum(axis=1).repeat(window.outputs)
    np.testing.assert_array_equal(each, np.count_nonzero(matrix, axis=0))


@pytest.mark.parametrize("name", WINDOWS)
def test_planes_are_convolved_as_the_dense_matrix_does_with_its_gradients(name: str) -> None:
    window = WINDOWS[name]
    with jax.enable_x64(True):
        values = jnp.asarray(np.random.default_rng(1).normal(size=(2, window.sources)))
        kernel = jnp.asarray(drawn(window))

        def ours(values: Any, kernel: Any) -> Any:
            return jnp.tanh(convolution(window, values, kernel)).sum()

        def wanted(values: Any, kernel: Any) -> Any:
            return jnp.tanh(values @ window.expand(kernel)).sum()

        found, expected = (jax.value_and_grad(one, (0, 1))(values, kernel) for one in (ours, wanted))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


def test_a_kernel_is_trained_through_the_dense_matrix() -> None:
    window = WINDOWS["strides, padding of one side, groups"]
    kernel = jnp.asarray(drawn(window), jnp.float32)
    planes = jnp.asarray(np.random.default_rng(1).normal(size=(3, 5, 6, 4)), jnp.float32)
    ours = jax.grad(lambda k: (jnp.tanh(planes.reshape(3, -1) @ window.expand(k))).sum())(kernel)
    wanted = jax.grad(lambda k: jnp.tanh(convolved_by_jax(window, k, planes)).sum())(kernel)
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WINDOWS)
def test_a_row_of_the_kernel_sees_the_mean_over_the_positions(name: str) -> None:
    window = WINDOWS[name]
    values = np.random.default_rng(2).random(window.sources)
    found = window.row_means(values)
    # The same for every row alone: what a kernel that is 1 there makes of the values, over all groups.
    for row in range(window.rows):
        kernel = np.zeros((window.rows, window.outputs))
        kernel[row] = 1
        assert found[row] == pytest.approx((values @ window.expand(kernel)).mean())


@pytest.mark.parametrize("name", WINDOWS)
def test_the_kernel_is_found_in_its_dense_matrix_and_in_no_other(name: str) -> None:
    window = WINDOWS[name]
    kernel = drawn(window)
    matrix = window.expand(kernel)
    found = as_convolution(matrix, window)
    assert found is not None
    np.testing.assert_array_equal(window.expand(found), matrix)
    if window.seen.any(axis=0).all():
        np.testing.assert_array_equal(found, kernel)
    source, unit = np.argwhere(matrix)[-1]
    for place, value in (
        ((source, unit), 0.5 + matrix[source, unit]),
        (tuple(np.argwhere(matrix == 0)[0]), 1.0),
    ):
        other = matrix.copy()
        other[place] = value
        alone = np.count_nonzero(matrix == matrix[source, unit]) == 1
        assert (as_convolution(other, window) is None) != (alone and place == (source, unit))
    assert as_convolution(matrix[:-1], window) is None


def test_what_all_positions_share_is_told_apart_from_what_they_do_not() -> None:
    window = WINDOWS["pooling"]
    each = np.array([1.0, 2.0, 3.0])
    spread = window.over_positions(each)
    assert spread.shape == (window.units,)
    found = window.by_channel(spread)
    assert found is not None
    np.testing.assert_array_equal(found, each)
    spread[-1] += 1
    assert window.by_channel(spread) is None


def test_a_description_counts_by_its_window() -> None:
    window = WINDOWS["pooling"]
    feed = FeedDescription("input", np.ones((window.rows, 3)), window=window)
    assert (feed.sources, feed.units, feed.matrix.shape) == (48, 12, (48, 12))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 0}, "`w` must be made of numbers of 1 to 1048576"),
        ({"stride": (1, 1 << 21)}, "`w` must be made of numbers of 1 to 1048576"),
        ({"padding": ((0, 0), (-1, 0))}, "`w` must have a padding of 0 to 1048576 on each side"),
        (
            {"groups": 3},
            "`w` must have channels, 2 in and 4 out, that its 3 groups share equally",
        ),
        ({"kernel": (6, 1)}, "`w` must have a kernel that its padded source has room for"),
        ({"outputs": 1 << 20}, "`w` must stand for at most 268435456 weights, not for 50 x 26214400"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    values: dict[str, Any] = {
        "height": 5,
        "width": 5,
        "channels": 2,
        "kernel": (1, 1),
        "outputs": 4,
    } | changes
    with pytest.raises(ParameterError) as caught:
        check_window("w", Window(**values))
    assert str(caught.value) == message
