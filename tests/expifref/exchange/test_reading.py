"""What a NIR file may hold besides what its own package writes."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from expifref.exceptions import FileFormatError, UnsupportedError
from expifref.exchange.exporting import nir_graph
from expifref.exchange.hdf5 import NirGraph, read_graph
from expifref.exchange.importing import metadata_of, read_nir
from expifref.exchange.options import Told
from expifref.network.description import INPUT, Description, FeedDescription, ReadoutDescription
from expifref.network.simulate import simulate

from .graphs import DT, lif

TOLD = Told(DT, 20, "rate")


def _set(name: str, value: Any) -> Callable[[Any], None]:
    def change(nodes: Any) -> None:
        del nodes[name]
        nodes[name] = value

    return change


def _read(path: Path, graph: Any, change: Callable[[Any], None] | None = None) -> Description:
    nir.write(path / "net.nir", graph)
    if change is not None:
        with h5py.File(path / "net.nir", "r+") as file:
            change(file["node/nodes"])
    return read_nir(path / "net.nir", TOLD)


def _graph(*nodes: Any, outputs: int = 4) -> Any:
    """A chain of `n0`, `n1` ... between an input and an output."""
    every = {f"n{index}": node for index, node in enumerate(nodes)}
    first, last = nir.Input(np.array([4])), nir.Output(np.array([outputs]))
    names = ["input", *every, "output"]
    edges = list(pairwise(names))
    return nir.NIRGraph({"input": first, **every, "output": last}, edges, type_check=False)


FLAT = nir.Flatten({"input": np.array([4])}, 0, -1)
REFUSED: dict[str, tuple[Any, Callable[[Any], None] | None, str]] = {
    "two dimensions": (_graph(FLAT), _set("n0/start_dim", [0, 1]), "`n0` must have one number `start_dim`"),
    "endless": (
        _graph(nir.Delay(np.full(4, 1e308))),
        None,
        "`n0` must have delays of 0 to 1023 steps of 1 ms",
    ),
    "before": (_graph(nir.Delay(np.full(4, -DT))), None, "`n0` must have delays of 0 to 1023 steps of 1 ms"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_numbers_that_are_none_of_theirs_are_refused(case: str, tmp_path: Path) -> None:
    graph, change, sentence = REFUSED[case]
    with pytest.raises(UnsupportedError, match=sentence):
        _read(tmp_path, graph, change)


def test_what_a_node_says_besides_is_not_passed_over(tmp_path: Path) -> None:
    def change(nodes: Any) -> None:
        nodes["n0/tau_ref"] = np.full(4, 3e-3)

    sentence = (
        "the LIF node `n0` must have no numbers but tau, r, v_leak, v_threshold, v_reset, and has tau_ref"
    )
    with pytest.raises(UnsupportedError, match=sentence):
        _read(tmp_path, _graph(lif(4)), change)


def _lined(node: Any) -> Any:
    nodes = {"input": nir.Input(np.array([1, 4])), "n0": node, "output": nir.Output(np.array([1, 2]))}
    return nir.NIRGraph(nodes, [("input", "n0"), ("n0", "output")], type_check=False)


def test_a_line_has_one_stride(tmp_path: Path) -> None:
    node = nir.Conv1d(4, np.ones((1, 1, 2)), 2, 0, 1, 1, np.ones(1))
    assert _read(tmp_path, _lined(node)).layers[-1].units == 2
    with pytest.raises(UnsupportedError, match="the Conv1d node `n0` must have one number `stride`, not 2"):
        _read(tmp_path, _lined(node), _set("n0/stride", [3, 2]))


def test_a_kernel_is_not_spread_beyond_what_fits(tmp_path: Path) -> None:
    node = nir.Conv1d(4, np.ones((300, 300, 2)), 1, 4000, 4000, 1, np.ones(300))
    graph = _lined(node)
    graph.nodes["input"] = nir.Input(np.array([300, 4]))
    with pytest.raises(UnsupportedError, match="`n0` must have at most 268435456 weights with the zeros"):
        _read(tmp_path, graph)


def test_paths_that_are_one_are_two_nodes(tmp_path: Path) -> None:
    inner = nir.NIRGraph.from_list(nir.Input(np.array([4])), lif(4))
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([4])), "a": inner, "a.lif": lif(4), "output": nir.Output(np.array([4]))},
        [("input", "a"), ("a", "a.lif"), ("a.lif", "output")],
        type_check=False,
    )
    with pytest.raises(UnsupportedError, match="nodes must have different paths"):
        _read(tmp_path, graph)


@pytest.mark.parametrize("values", [{"expifref_steps": np.inf}, {"expifref_dt": np.ones(2)}])
def test_metadata_that_are_no_numbers_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(FileFormatError, match="must be two numbers and a name"):
        metadata_of(NirGraph("", {}, (), values))


SPREAD: tuple[tuple[Any, ...], ...] = (
    ((1, 1), "same", (1, 1), 1, (2, 4)),
    ((1, 1), "same", (2, 1), 2, (2, 3)),
    ((2, 1), (1, 2), (1, 2), 2, (3, 2)),
)


@pytest.mark.parametrize("case", SPREAD)
def test_convolutions_are_those_of_the_file(case: tuple[Any, ...], tmp_path: Path) -> None:
    stride, padding, dilation, groups, size = case
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 4 // groups, *size)), rng.normal(size=4)
    plane = rng.integers(0, 2, (4, 7, 6))
    reach = [step * (one - 1) for step, one in zip(dilation, size, strict=True)]
    pads = (
        [(one // 2, one - one // 2) for one in reach]
        if padding == "same"
        else [(one, one) for one in padding]
    )
    expected = _slid(np.pad(plane, [(0, 0), *pads]), weight, stride, dilation) + bias[:, None, None]
    node = nir.Conv2d((7, 6), weight, stride, padding, dilation, groups, bias)
    ends = nir.Input(np.array(plane.shape)), nir.Output(np.array(expected.shape))
    nodes = {"input": ends[0], "n0": node, "output": ends[1]}
    graph = nir.NIRGraph(nodes, [("input", "n0"), ("n0", "output")], type_check=False)
    spikes = np.moveaxis(plane, 0, -1).reshape(1, 1, -1).astype(np.uint8)
    (step,) = simulate(_read(tmp_path, graph), spikes)
    found = np.moveaxis(step[-1].output.reshape(*expected.shape[1:], 4), -1, 0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def _slid(padded: Any, weight: Any, stride: Any, dilation: Any) -> Any:
    """By the sums that define it, channel by channel."""
    outputs, share, high, wide = weight.shape
    own = outputs // (len(padded) // share)
    rows = (padded.shape[1] - dilation[0] * (high - 1) - 1) // stride[0] + 1
    columns = (padded.shape[2] - dilation[1] * (wide - 1) - 1) // stride[1] + 1
    out = np.zeros((outputs, rows, columns))
    for at in np.ndindex(weight.shape):
        y, x = at[2] * dilation[0], at[3] * dilation[1]
        seen = padded[at[0] // own * share + at[1], y :: stride[0], x :: stride[1]]
        out[at[0]] += weight[at] * seen[:rows, :columns]
    return out


def test_a_layer_without_memory_says_that_it_sees_itself_a_step_later() -> None:
    """Readers of NIR delay what neurons see of themselves, not a sum."""
    feeds = FeedDescription(INPUT, np.eye(2)), FeedDescription("out", np.eye(2), np.array([1]))
    network = Description(DT, 2, (ReadoutDescription("out", feeds, np.zeros(2), None),), "rate", 20)
    assert ("out", "out_1_delay") in nir_graph(network).edges


def test_a_reference_in_a_file_is_no_text(tmp_path: Path) -> None:
    nir.write(tmp_path / "net.nir", _graph(lif(4)))
    with h5py.File(tmp_path / "net.nir", "r+") as file:
        file["node/nodes/n0/note"] = file["node"].ref
    with pytest.raises(FileFormatError, match="`/node/nodes/n0/note` must be numbers or texts"):
        read_graph(tmp_path / "net.nir")


def test_a_text_that_a_file_holds_once_and_names_often_counts_as_often(tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    nir.write(path, _graph(lif(4)))
    with h5py.File(path, "r+") as file:
        notes = ["x" * 2**20, *["y"] * 299]
        array = file["node"].create_dataset("notes", data=notes, dtype=h5py.string_dtype())
        start, size = array.id.get_offset(), 16  # length, address and index of each text
    with path.open("r+b") as file:
        file.seek(start)
        first = file.read(size)
        file.seek(start)
        file.write(first * 300)
    assert path.stat().st_size < 2**22
    with pytest.raises(FileFormatError, match="unpacked must take at most 256 MiB, the limit for a nir file"):
        read_graph(path)
