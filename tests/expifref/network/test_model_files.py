"""Model files: round trips, and a sentence for everything that is wrong with one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.limits import MODEL
from expifref.files.tensors import read_tensors, write_tensors
from expifref.network.architecture import Architecture, initial_description
from expifref.network.checks import check_description
from expifref.network.description import Description
from expifref.network.digest import description_digest
from expifref.network.model_files import (
    ModelFile,
    load_model,
    read_description,
    read_model,
    save_description,
    save_model,
)
from tests.expifref.same import assert_same

KIND = "expifref-model"
SMALL = Architecture(inputs=4, classes=3, hidden=(6, 5), tau_synapse=2.5, tau_readout=None, steps=7, dt=0.1)


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(path, ModelFile(initial_description(SMALL), SMALL, {"test_accuracy": 0.5}))
    return path


def test_round_trip_is_exact(model_path: Path) -> None:
    model = read_model(model_path)
    assert_same(model.description, initial_description(SMALL))
    assert model.architecture == SMALL
    assert model.metrics == {"test_accuracy": 0.5}
    assert [path.name for path in model_path.parent.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("kind", "width"), [("BF16", 2), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F8_E8M0", 1), ("C64", 8)]
)
def test_a_tensor_of_a_type_that_numpy_lacks(tmp_path: Path, kind: str, width: int) -> None:
    header = {"x": {"dtype": kind, "shape": [3], "data_offsets": [0, 3 * width]}}
    text = json.dumps(header | {"__metadata__": {KIND: '{"version": 1}'}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(3 * width))
    with pytest.raises(FileFormatError) as caught:
        read_tensors(path, KIND, 1, MODEL)
    assert str(caught.value) == (
        f"`{path}` must hold tensors of one of the types F64, F32, F16, BOOL, I8, I16, I32, I64, "
        f"U8, U16, U32, U64, but `x` is {kind}"
    )


def test_a_network_built_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    first = initial_description(SMALL).layers[0]
    last_layer_spikes = Description(1e-3, 4, (first,), "latency", 3)
    save_description(path, last_layer_spikes)
    assert_same(read_description(path), last_layer_spikes)
    assert read_model(path).architecture is None


def test_load_model_runs(model_path: Path) -> None:
    network = load_model(model_path)
    output, spikes, _ = network.run(jnp.zeros((7, 2, 4), jnp.uint8))
    assert output.shape == (7, 2, 3)
    assert [s.shape for s in spikes] == [(7, 2, 6), (7, 2, 5)]


def test_reading_imports_no_jax(model_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from expifref.network.model_files import read_description\n"
        "from expifref.data import load; from expifref.encoders import encode\n"
        "import expifref.training.settings, expifref.training.progress\n"
        f"read_description(Path({str(model_path)!r}))\n"
        "assert not {'jax', 'brainstate', 'saiunit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def rewrite(path: Path, tensors: dict[str, np.ndarray], document: dict[str, object]) -> None:
    """Change tensors and entries of the document of the file at `path`."""
    old_tensors, old_document = read_tensors(path, KIND, 1, MODEL)
    write_tensors(path, {**old_tensors, **tensors}, KIND, {**old_document, **document})


@pytest.mark.parametrize("keep", [0, 5, 200, -8])
def test_truncated(model_path: Path, keep: int) -> None:
    model_path.write_bytes(model_path.read_bytes()[:keep])
    with pytest.raises(FileFormatError) as caught:
        read_model(model_path)
    assert str(caught.value) == (
        f"`{model_path}` must be a complete safetensors file, but is truncated or of another kind"
    )


def test_missing(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    with pytest.raises(FileFormatError) as caught:
        read_model(path)
    assert str(caught.value) == f"`{path}` must be an expifref-model file, but does not exist"


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_foreign(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, path, metadata)
    with pytest.raises(FileFormatError) as caught:
        read_model(path)
    assert str(caught.value) == f"`{path}` must be an expifref-model file, but is another safetensors file"


def test_other_version(model_path: Path) -> None:
    rewrite(model_path, {}, {"version": 2})
    with pytest.raises(FileFormatError) as caught:
        read_model(model_path)
    assert str(caught.value) == (
        f"`{model_path}` must have the expifref-model version 1, not 2; "
        "use the expifref release that wrote it"
    )


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_damaged_metadata(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, path, {KIND: text})
    with pytest.raises(FileFormatError, match=r"the metadata of `.*` must hold (one whole|a) JSON object"):
        read_model(path)


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"layers": [{"name": "x"}]}, "`layers.0.kind`: this key is missing"),
        ({"layers": 3}, "`layers`: Input should be a valid array"),
        ({"dt": "fast"}, "`dt`: Input should be a valid number"),
        ({"architecture": {"hidden": [3], "neuron": {}}}, "`architecture.inputs`: this key is missing"),
        ({"architecture": []}, "`architecture`: Input should be an object"),
        ({"metrics": None}, "`metrics`: Input should be an object"),
        ({"metrics": {"a": None}}, "`metrics.a`: Input should be a valid number"),
        ({"colour": "red"}, "`colour`: this key is not known"),
        (
            {"encoder": "a b"},
            "`encoder`: a name must be 1 to 64 letters, digits, `_`, `.`, `+` or `-`, the first of them a "
            'letter, a digit or `_`, not "a b"',
        ),
    ],
)
def test_incomplete_document(model_path: Path, document: dict[str, object], rule: str) -> None:
    rewrite(model_path, {}, document)
    with pytest.raises(FileFormatError) as caught:
        read_model(model_path)
    assert str(caught.value) == f"`{model_path}` breaks its schema at {rule}"


def test_a_value_that_no_architecture_has(model_path: Path) -> None:
    rewrite(model_path, {}, {"architecture": asdict(SMALL) | {"steps": 0}})
    with pytest.raises(FileFormatError) as caught:
        read_model(model_path)
    assert str(caught.value) == (
        f"`{model_path}` breaks its schema at `architecture`: `steps` must be at least 1, not 0"
    )


def test_messages_name_the_place_in_the_users_module(tmp_path: Path) -> None:
    description = initial_description(SMALL)
    first = replace(description.layers[0], path="net.blocks[1].neuron")
    told = replace(description, layers=(first, *description.layers[1:]))
    assert description_digest(told) == description_digest(description)
    save_description(tmp_path / "told.safetensors", told)
    (layer, *_) = read_description(tmp_path / "told.safetensors").layers
    with pytest.raises(ParameterError, match=r"^`layer0\.bias` \(`net\.blocks\[1\]\.neuron`\) must be"):
        check_description(replace(told, layers=(replace(layer, bias=layer.bias * np.nan), *told.layers[1:])))


def test_the_same_model_gives_the_same_bytes(model_path: Path) -> None:
    again = model_path.with_name("again.safetensors")
    save_model(again, read_model(model_path))
    assert again.read_bytes() == model_path.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("layer0.weight", np.nan, "`layer0.weight` must be finite, but 1 of 24 values are NaN or infinite"),
        ("readout.bias", np.inf, "`readout.bias` must be finite, but 1 of 3 values are NaN or infinite"),
        ("layer1.neuron.tau", 0.0, "`layer1.tau` must be above 0 ms, not 0 ms"),
        ("layer1.neuron.delta_t", -1.0, "`layer1.delta_T` must be above 0 mV, not -1000 mV"),
        ("layer0.neuron.v_reset", 1.0, "`layer0.V_reset` must be below V_th, not 1000 mV"),
        ("layer0.tau", -1.0, "`layer0.tau_synapse` must be above 0 ms, not -1000 ms"),
    ],
)
def test_bad_values(model_path: Path, name: str, value: float, message: str) -> None:
    tensor = read_tensors(model_path, KIND, 1, MODEL)[0][name].copy()
    tensor[(0, 1) if tensor.ndim == 2 else 1] = value
    rewrite(model_path, {name: tensor}, {})
    with pytest.raises(ParameterError) as caught:
        read_model(model_path)
    assert str(caught.value) == message


def test_bad_shapes(model_path: Path) -> None:
    rewrite(model_path, {"layer1.weight": np.zeros((5, 5))}, {})
    with pytest.raises(ParameterError) as caught:
        read_model(model_path)
    assert str(caught.value) == "`layer1.weight` must have 6 inputs, not the shape [5, 5]"


def test_nothing_bad_is_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    good = initial_description(SMALL)
    with pytest.raises(ParameterError, match="`steps` must be at least 1, not 0"):
        save_description(path, replace(good, steps=0))
    first = good.layers[0]
    with pytest.raises(ParameterError, match="the layers of a network must have different names, not"):
        save_description(path, replace(good, layers=(first, first)))
    with pytest.raises(ParameterError) as caught:
        save_description(path, replace(good, layers=(replace(first, bias=np.array(0.0)),)))
    assert str(caught.value) == "`layer0.bias` must have 6 values, not the shape []"
    assert not path.exists()
