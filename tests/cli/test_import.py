"""`expifref export --to nir` and `expifref import`, and what becomes of bad files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from expifref.network.description import LIFParameters
from expifref.network.model_files import read_description, save_description
from tests.cli.shell import refused, succeeds
from tests.expifref.exchange.graphs import DESCRIPTIONS, lif
from tests.networks import network


def test_a_network_goes_out_and_comes_back(tmp_path: Path) -> None:
    description = DESCRIPTIONS["chain"]()
    model, path, again = (tmp_path / name for name in ("net.safetensors", "net.nir", "again.safetensors"))
    save_description(model, description)
    succeeds("export", model, "--to", "nir", "--out", path)
    report = succeeds("import", path, "--out", again, "--json").json
    assert (report["dt_ms"], report["steps"], report["layers"]) == (1.0, 20, ["a 9", "b 8", "out 3"])
    assert "Imported network" in succeeds("import", path, "--out", again).out
    found = read_description(again)
    for one, other in zip(description.layers, found.layers, strict=True):
        for name, values in (one.trained | one.vectors).items():
            np.testing.assert_allclose((other.trained | other.vectors)[name], values, rtol=1e-12)


def test_exponential_neurons_go_out_as_leaky_ones_with_what_that_costs(tmp_path: Path) -> None:
    model, data, path = (tmp_path / name for name in ("net.safetensors", "data.npz", "net.nir"))
    save_description(model, network((6, 20, 3)))
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (40, 6)).astype(np.uint8), np.arange(40) % 3
    np.savez(data, x_train=x, y_train=y, x_test=x, y_test=y)
    refusal = "`layer0` must have leaky neurons: NIR has no node for exponential or adaptive ones"
    assert refused(tmp_path, "export", model, "--to", "nir", "--out", path).startswith(refusal)
    command = ("export", model, "--to", "nir", "--out", path, "--approximate-lif", "--dataset", data)
    report = succeeds(*command, "--json").json
    assert report["layer0_rate_hz"] > 3 * report["layer0_leaky_error_hz"] > 0
    assert report["test_firing_rate_hz"] == pytest.approx(report["leaky_test_firing_rate_hz"], rel=0.2)
    assert {"test_accuracy", "leaky_test_accuracy"} < set(report)
    again = tmp_path / "again.safetensors"
    succeeds("import", path, "--out", again)
    assert type(read_description(again).layers[0].neurons[0]) is LIFParameters
    message = refused(tmp_path, *(again if part is model else part for part in command))
    assert message.endswith("and has leaky ones: leave out --approximate-lif")
    message = refused(tmp_path, *("onnx-float" if part == "nir" else part for part in command))
    assert message.startswith("--approximate-lif is for `--to nir`")


def test_what_the_file_of_another_tool_does_not_say_is_asked_for(tmp_path: Path) -> None:
    path, out = tmp_path / "net.nir", tmp_path / "net.safetensors"
    nir.write(path, nir.NIRGraph.from_list(nir.Linear(np.ones((3, 4))), lif(3)))
    message = refused(tmp_path, "import", path, "--out", out, "--dt", 0.5)
    assert message == "a NIR file of another tool does not say its --steps, --encoder: give it"
    told = ("--dt", 0.5, "--steps", 30, "--encoder", "current", "--rule", "euler", "--reset", "subtracted")
    succeeds("import", path, "--out", out, *told)
    description = read_description(out)
    assert (description.dt, description.steps, description.encoder) == (0.5e-3, 30, "current")
    message = refused(tmp_path, "import", path, "--out", out, *told[:5], "no-encoder")
    assert message.startswith("the encoder must be one of rate")


def _foreign(path: Path) -> None:
    path.write_bytes(b"no HDF5 at all" * 100)


def _truncated(path: Path) -> None:
    nir.write(path, nir.NIRGraph.from_list(nir.Linear(np.ones((30, 40))), lif(30)))
    path.write_bytes(path.read_bytes()[:-2000])


def _other(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["spikes"] = np.ones(3)


def _changed(change: Callable[[Any], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        nir.write(path, nir.NIRGraph.from_list(nir.Linear(np.ones((3, 4))), lif(3)))
        with h5py.File(path, "r+") as file:
            change(file["node"])

    return write


def _unknown(node: Any) -> None:
    node["nodes/lif/type"][()] = "AdExp"


def _missing(node: Any) -> None:
    del node["nodes/lif/tau"]


def _text(node: Any) -> None:
    del node["nodes/lif/tau"]
    node["nodes/lif/tau"] = "a second"


def _edge(node: Any) -> None:
    del node["edges"]
    node["edges"] = [["input", "linear"], ["linear", "lif"], ["lif", "somewhere"]]


def _link(node: Any) -> None:
    del node["nodes/lif/tau"]
    node["nodes/lif/tau"] = h5py.ExternalLink("/etc/passwd", "/x")


def _circle(node: Any) -> None:
    node["nodes/again"] = node


def _huge(node: Any) -> None:
    del node["nodes/linear/weight"]
    node.create_dataset("nodes/linear/weight", (1 << 40, 4), "f4", chunks=(1 << 20, 4))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "no HDF5": (_foreign, "must be an HDF5 file, and cannot be read as one"),
    "truncated": (_truncated, "must be an HDF5 file, and cannot be read as one"),
    "another file": (_other, "must hold a `node` of the type NIRGraph"),
    "an unknown node": (_changed(_unknown), "the node `lif` must be of a type that is known here (LIF, "),
    "a missing array": (_changed(_missing), "the LIF node `lif` must have numbers `tau`"),
    "a text": (_changed(_text), "the LIF node `lif` must have numbers `tau`"),
    "an edge to nowhere": (_changed(_edge), 'must have edges between its nodes, not to "somewhere"'),
    "a link": (_changed(_link), "must lie in the file itself, and is a link"),
    "a circle of groups": (_changed(_circle), "must have groups in groups to a depth of 32"),
    "a huge array": (_changed(_huge), "unpacked must take at most 256 MiB, the limit for a nir file"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_a_sentence(case: str, tmp_path: Path) -> None:
    write, sentence = BAD[case]
    path = tmp_path / "net.nir"
    write(path)
    told = ("--dt", 1, "--steps", 20, "--encoder", "rate")
    assert sentence in refused(tmp_path, "import", path, "--out", tmp_path / "net.safetensors", *told)
