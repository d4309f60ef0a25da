"""Which executor is taken, and what happens when it cannot be had."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import exporters.choice
from expifref.exceptions import ParameterError
from exporters.choice import Choice, Workload, active_share, available, choose, gpu, make
from exporters.tools import TOOLS, override_name
from quantize.graph.layers import Graph
from quantize.jax import JaxExecutor
from quantize.numbers.formats import Format
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.networks import lowered, network
from tests.tools import need

BOTH = ("native", "jax")


@pytest.fixture(scope="module")
def small() -> Program:
    return lowered(network((6, 5, 3)))


@pytest.fixture(scope="module")
def large() -> Program:
    """Its first layer has more weights than a core's cache has bytes."""
    return lowered(network((784, 1400, 3), tau_synapse=None))


@pytest.mark.parametrize(
    ("work", "there", "name", "reason"),
    [
        (Workload(100, 10, 0.1), BOTH, "emulator", "it is done before a faster one has started"),
        (Workload(100_000, 1, 0.1), BOTH, "native", "10% of the inputs are active"),
        (Workload(100, 200_000, 0.9), BOTH, "native", "90% of the inputs are active"),
        (Workload(100, 200_000, 0.1), ("jax",), "jax", "native code cannot be built here"),
        (Workload(100, 200_000, 0.1), ("native",), "native", "10% of the inputs are active"),
        (Workload(100, 200_000, 0.1), (), "emulator", "no faster one can run here"),
    ],
)
def test_small_layers(small: Program, work: Workload, there: Collection[str], name: str, reason: str) -> None:
    assert choose(small.graph, work, there) == Choice(name, reason)


def test_a_gpu_is_taken(small: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    work, found = Workload(100, 200_000, 0.1), Choice("jax", "JAX computes on the GPU, NVIDIA H200")
    assert choose(small.graph, work, BOTH, "NVIDIA H200") == found
    assert choose(small.graph, work, ("native",), "NVIDIA H200").name == "native"
    assert choose(small.graph, Workload(100, 10, 0.1), BOTH, "NVIDIA H200").name == "emulator"
    monkeypatch.setattr(exporters.choice, "entry_points", lambda **_: ["cuda"])
    assert gpu() is None  # JAX has been told of a device that is not there
    monkeypatch.setattr(
        "quantize.jax.gpu.jax.local_devices", lambda: [SimpleNamespace(platform="gpu", device_kind="A")]
    )
    assert gpu() == "A"


@pytest.mark.parametrize(
    ("active", "there", "name", "reason"),
    [
        (0.45, BOTH, "native", "45% of the inputs are active"),
        (0.46, BOTH, "jax", "46% of the inputs are active, and a layer has 1.1 MB of weights"),
        (0.46, ("native",), "native", "46% of the inputs are active"),
    ],
)
def test_dense_inputs_of_large_layers(
    large: Program, active: float, there: Collection[str], name: str, reason: str
) -> None:
    assert choose(large.graph, Workload(100, 1000, active), there) == Choice(name, reason)


@pytest.mark.parametrize(("active", "name"), [(0.65, "native"), (0.66, "jax")])
def test_dense_inputs_of_layers_that_fit_the_cache(active: float, name: str) -> None:
    program = lowered(network((784, 400, 3), tau_synapse=None))
    assert choose(program.graph, Workload(100, 1000, active), BOTH).name == name


def test_wide_weights_take_twice_the_room(small: Program) -> None:
    first, *others = small.graph.layers
    (feed,) = first.feeds
    many = replace(feed.connection, weight=np.broadcast_to(np.int64(0), (1000, 600)))

    def of(bits: int) -> Graph:
        connection = replace(many, weight_format=Format(True, bits, 0))
        layer = replace(first, feeds=(replace(feed, connection=connection),))
        return replace(small.graph, layers=(layer, *others))

    work = Workload(100, 100_000, 0.5)  # enough for JAX where the weights are beyond the cache
    assert [choose(of(bits), work, BOTH).name for bits in (8, 9)] == ["native", "jax"]


def test_the_active_share() -> None:
    spikes = np.zeros((4, 2, 5), np.uint8)
    assert active_share(spikes) == 0
    spikes[:, 0, :3] = 7  # one frame that stays makes work once
    spikes[1, 1, 4] = 1  # the frame after it is another one, of zeros
    assert active_share(spikes) == 4 / spikes.size
    assert active_share(np.ones((1, 2, 5), np.uint8)) == 1


def test_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc")
    assert available() == {"native", "jax"}
    for name in TOOLS:
        monkeypatch.setenv(override_name(name), "/nowhere")
    assert available() == {"jax"}
    monkeypatch.setattr(exporters.choice, "find_spec", lambda _name: None)
    assert available() == set()


def test_by_name(small: Program) -> None:
    assert isinstance(make("emulator", small), Emulator)
    assert isinstance(make("jax", small), JaxExecutor)
    with pytest.raises(
        ParameterError, match=r"^the executor must be one of auto, emulator, native, jax, not `gpu`$"
    ):
        make("gpu", small)
