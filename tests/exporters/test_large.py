"""A network with more weights than a file holds itself: side files of every form, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from expifref.connections import blocks
from expifref.exceptions import FileFormatError
from expifref.files.opening import file_beside
from expifref.files.texts import shown
from expifref.network.model_files import save_description
from exporters.deployment.assemble import program_of
from exporters.deployment.document import load_deployment
from exporters.executors import make_executors, missing_executors
from exporters.onnx.beside import tensors_of
from exporters.onnx.executor import OnnxExecutor, load_model
from exporters.registry import export_program
from exporters.verification import Terms, verify
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import LoweringOptions, lower
from quantize.lowering.ranges import PRESETS
from quantize.numbers.arrays import LARGE, Codes
from quantize.program.file import digest, load_program, save_program
from quantize.program.program import Program
from quantize.run.emulator import Emulator, GraphEmulator
from quantize.run.trace import Execution, Spikes
from tests.networks import lowered, network, spike_input

SIZES = (1070, 1000, 7)
"""The first layer is large, the second is not."""

SPIKES: Spikes = (np.random.default_rng(1).random((5, 3, SIZES[0])) < 0.1).astype(np.uint8)


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network(SIZES, tau_synapse=None), "generic-16bit")


@pytest.fixture(scope="module")
def expected(program: Program) -> Execution:
    return Emulator(program).run(SPIKES)


@pytest.fixture(scope="module")
def folder(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program and every form of it that has a side file."""
    folder = tmp_path_factory.mktemp("large")
    save_program(program, folder / "p.json")
    for target, name in (("json", "d.json"), ("onnx", "n.onnx"), ("onnx-step", "s.onnx")):
        export_program(program, target, folder / name)
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def beside(path: Path) -> Path:
    (found,) = path.parent.glob(f"{path.stem}.weights-*")
    return found


def same(found: Execution, expected: Execution) -> bool:
    assert list(found.signals) == list(expected.signals)
    return all(np.array_equal(found.signals[name], x) for name, x in expected.signals.items())


def first_weight(program: Program) -> Codes:
    return program.graph.layers[0].feeds[0].connection.weight


def test_the_json_stays_small_and_the_program_comes_back(program: Program, folder: Path) -> None:
    path = folder / "p.json"
    weight = first_weight(program)
    weights = weight.size
    assert weights > LARGE
    assert path.stat().st_size < weights / 4
    assert weights <= beside(path).stat().st_size < weights + 1000
    again = load_program(path)
    assert digest(again) == digest(program) == json.loads(path.read_text())["digest"]
    np.testing.assert_array_equal(first_weight(again), weight)
    assert not first_weight(again).flags.writeable


def test_the_same_program_gives_the_same_bytes(program: Program, folder: Path, tmp_path: Path) -> None:
    save_program(program, tmp_path / "p.json")
    for name in ("p.json", beside(folder / "p.json").name):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_every_form_computes_the_program_from_its_files(folder: Path, expected: Execution) -> None:
    assert same(Emulator(load_program(folder / "p.json")).run(SPIKES), expected)
    assert same(GraphEmulator(program_of(load_deployment(folder / "d.json")).graph).run(SPIKES), expected)
    for name in ("n.onnx", "s.onnx"):
        assert same(OnnxExecutor(folder / name).run(SPIKES), expected)


def test_the_executors_verify_a_mapped_program(folder: Path) -> None:
    program = load_program(folder / "p.json")
    fast = ("deployment", "jax", "native", "onnxruntime", "onnxruntime-step")
    names = [name for name in fast if name not in missing_executors()]
    executors = make_executors(names, program, load_profile("generic-16bit"))
    assert verify(program, executors, [SPIKES], Terms(probe=False)).passed


def test_a_side_file_may_be_renamed(copy: Path, program: Program) -> None:
    path = copy / "p.json"
    beside(path).rename(copy / "weights")
    document = json.loads(path.read_text()) | {"side_file": "weights"}
    path.write_text(json.dumps(document))
    assert digest(load_program(path)) == digest(program)


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def linked(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to(path.with_name("other"))


@pytest.mark.parametrize("name", ["p.json", "d.json", "n.onnx", "s.onnx"])
@pytest.mark.parametrize(
    ("spoil", "found"), [(Path.unlink, "does not exist"), (linked, "is a symbolic link")]
)
def test_a_side_file_that_is_not_there_is_named(
    name: str, spoil: Callable[[Path], None], found: str, copy: Path
) -> None:
    path = copy / name
    side = beside(path)
    spoil(side)
    with pytest.raises(FileFormatError) as caught:
        load(path)
    assert (
        str(caught.value)
        == f"`{path}` must have `{side.name}` beside it, which {found}: copy both files together"
    )


@pytest.mark.parametrize("name", ["p.json", "d.json"])
def test_an_edited_side_file_is_refused(name: str, copy: Path) -> None:
    damaged(beside(copy / name))
    with pytest.raises(
        FileFormatError, match=r"must hold the matrix that was written, but it was edited or damaged$"
    ):
        load(copy / name)


@pytest.mark.parametrize("name", ["p.json", "d.json"])
def test_a_cut_side_file_is_refused(name: str, copy: Path) -> None:
    side = beside(copy / name)
    side.write_bytes(side.read_bytes()[:-1])
    with pytest.raises(FileFormatError) as caught:
        load(copy / name)
    assert str(caught.value) == (
        f"`{side}` must be a complete safetensors file, but is truncated or of another kind"
    )


@pytest.mark.parametrize("location", ["../x", "/etc/passwd", "", ".", "..", "a/b", "a\\b", "a\0b", 5, None])
def test_only_a_bare_name_is_followed(location: object, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError) as caught:
        file_beside(tmp_path / "p.json", location)
    assert (
        str(caught.value)
        == f"`{tmp_path / 'p.json'}` must name a file in its own folder, not {shown(location)}"
    )


@pytest.mark.parametrize("location", ["x" * 256, "x" * 5000, "ä" * 128])
def test_a_name_that_no_file_can_have(location: str, tmp_path: Path) -> None:
    with pytest.raises(FileFormatError) as caught:
        file_beside(tmp_path / "p.json", location)
    assert str(caught.value) == (
        f"`{tmp_path / 'p.json'}` must name a file by at most 255 bytes, not by {len(location)} characters"
    )


@pytest.mark.parametrize("name", ["p.json", "d.json"])
def test_a_document_leads_nowhere_else(name: str, copy: Path) -> None:
    path = copy / name
    document = json.loads(path.read_text()) | {"side_file": "../secret"}
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load(path)
    assert str(caught.value) == f'`{path}` must name a file in its own folder, not "../secret"'


def test_a_document_without_its_side_file_is_refused(copy: Path) -> None:
    path = copy / "p.json"
    document = json.loads(path.read_text())
    content = document["graph"]["layers"][0]["feeds"][0]["connection"]["weight"]["sha256"]
    del document["side_file"]
    path.write_text(json.dumps(document))
    with pytest.raises(FileFormatError) as caught:
        load(path)
    assert str(caught.value) == (
        f"`{path}` breaks its schema at `graph.layers.0.feeds.0.connection.dense.weight`: "
        f"the side file must hold the matrix with the hash {shown(content)}, and does not"
    )


EDITS = {
    "location": ("../n.bin", 'must name a file in its own folder, not "../n.bin"'),
    "length": ("5", "must say that `layer0/feeds/0/weight` takes 1070000 bytes of `{side}`, and where"),
    "offset": ("-1", "must say that `layer0/feeds/0/weight` takes 1070000 bytes of `{side}`, and where"),
    "endless offset": (
        "9" * 5000,
        "must say that `layer0/feeds/0/weight` takes 1070000 bytes of `{side}`, and where",
    ),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_onnx_model_leads_nowhere_else(case: str, copy: Path) -> None:
    path = copy / "n.onnx"
    value, message = EDITS[case]
    edit_external(path, case.partition(" ")[2] or case, value)
    with pytest.raises(FileFormatError) as caught:
        load_model(path)
    assert str(caught.value) == f"`{path}` {message.format(side=beside(path).name)}"


@pytest.mark.parametrize("kind", [0, 1, 8, 999])
def test_a_type_that_no_integer_model_has(kind: int, copy: Path) -> None:
    path = copy / "n.onnx"
    model = onnx.load(path, load_external_data=False)
    for tensor in tensors_of(model):
        tensor.data_type = kind if tensor.external_data else tensor.data_type
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FileFormatError) as caught:
        load_model(path)
    assert str(caught.value) == (
        f"`{path}` must have whole numbers of 8 to 64 bits beside it, "
        f"but `layer0/feeds/0/weight` is of the ONNX type {kind}"
    )


def test_an_onnx_side_file_that_was_cut_is_refused(copy: Path) -> None:
    side = beside(copy / "n.onnx")
    side.write_bytes(side.read_bytes()[:-1])
    with pytest.raises(FileFormatError) as caught:
        load_model(copy / "n.onnx")
    assert str(caught.value) == (
        f"`{side}` must hold 1070000 bytes for `layer0/feeds/0/weight`, not 1069999: it is cut; "
        "export the model anew"
    )


def edit_external(path: Path, key: str, value: str) -> None:
    model = onnx.load(path, load_external_data=False)
    for tensor in tensors_of(model):
        for entry in tensor.external_data:
            if entry.key == key:
                entry.value = value
    path.write_bytes(model.SerializeToString())


def load(path: Path) -> object:
    if path.suffix == ".onnx":
        return load_model(path)
    return load_deployment(path) if path.name == "d.json" else load_program(path)


@pytest.mark.parametrize("ranges", PRESETS)
def test_lowering_does_not_depend_on_the_blocks(ranges: str, monkeypatch: pytest.MonkeyPatch) -> None:
    description = network((40, 30, 3))
    calibration = calibrate(description, [spike_input(description, steps=20, batch=4)])
    options = LoweringOptions(weight_bits=4, ranges=PRESETS[ranges])
    for profile in ("generic-16bit", "ice40-up5k"):
        whole = lower(description, calibration, load_profile(profile), options)
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "_BLOCK_BYTES", 8 * 100)
            cut = lower(description, calibration, load_profile(profile), options)
        assert digest(cut) == digest(whole)


def test_lowering_and_export_never_hold_the_float_weights(tmp_path: Path) -> None:
    """96 MB of float weights: the peak is that of a small network and a few times the 12 MB of codes."""
    peaks = {}
    for name, sizes in (("small", (40, 30, 5)), ("large", (3000, 4000, 5))):
        save_description(tmp_path / f"{name}.safetensors", network(sizes, tau_synapse=None))
        samples = np.random.default_rng(0).random((12, sizes[0]))
        labels = np.arange(12) % 5
        np.savez(tmp_path / f"{name}.npz", x_train=samples, y_train=labels, x_test=samples, y_test=labels)
        program = str(tmp_path / f"{name}.json")
        model, data = str(tmp_path / f"{name}.safetensors"), str(tmp_path / f"{name}.npz")
        quantize = ["quantize", model, "--out", program, "--dataset", data, "--calibration-samples", "4"]
        peaks[name] = [peak_mb(quantize)]
        for target in ("json", "onnx"):
            peaks[name].append(peak_mb(["export", program, "--to", target, "--out", f"{program}.{target}"]))
    growth = [large - small for large, small in zip(peaks["large"], peaks["small"], strict=True)]
    assert max(growth) < 90, peaks


def peak_mb(arguments: list[str]) -> float:
    """Peak memory of one command, in a process that is forked from a small one."""
    script = (
        "import resource, subprocess, sys\n"
        "command = [sys.executable, '-m', 'cli', *sys.argv[1:]]\n"
        "subprocess.run(command, check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True
    )
    return float(done.stdout)
