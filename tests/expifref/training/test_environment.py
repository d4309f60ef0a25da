"""Where a network was trained: recorded, compared on resume, and missing in old files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import pytest

from expifref.exceptions import FileFormatError
from expifref.files.limits import MODEL
from expifref.files.tensors import read_tensors, write_tensors
from expifref.network import environment
from expifref.network.digest import description_digest
from expifref.network.environment import change, current_environment
from expifref.network.model_files import ModelFile, read_model, save_model
from expifref.training.resume_file import resume_path
from expifref.training.session import Session
from expifref.training.train import train
from tests.expifref.same import assert_same
from tests.expifref.training.test_train import NET, QUICK, Recorder, blobs

END = ", so the network may differ in its last bits from that of a run that was never cut"
SHORT = replace(QUICK, epochs=1)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model after one epoch with its state beside it; tests copy it."""
    path = tmp_path_factory.mktemp("once") / "m.safetensors"
    train(blobs(), NET, SHORT, session=Session(path=path))
    return path


@pytest.fixture
def path(once: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    for source in (once, resume_path(once)):
        shutil.copy(source, tmp_path)
    return tmp_path / once.name


def rewrite(path: Path, kind: str, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the metadata of the file at `path`."""
    tensors, document = read_tensors(path, kind, 1, MODEL)
    edit(document)
    write_tensors(path, {name: tensor.copy() for name, tensor in tensors.items()}, kind, document)


def edit_both(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the metadata of a model and of the state beside it."""
    rewrite(path, "expifref-model", edit)
    rewrite(resume_path(path), "expifref-resume", edit)


def test_the_environment_of_this_process() -> None:
    found = current_environment()
    libraries = ("expifref", "jax", "jaxlib", "numpy", "optax", "brainstate", "braintools", "saiunit")
    assert {name: found[name] for name in libraries} == {name: version(name) for name in libraries}
    assert found["platform"] == jax.default_backend()
    assert {"system", "machine", "instruction_set"} < set(found)
    assert found["instruction_set"] != "unknown"
    assert all(re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", text) for item in found.items() for text in item)


def test_a_narrower_instruction_set_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x --xla_cpu_max_isa=SSE4_2")
    narrow = current_environment()
    monkeypatch.delenv("XLA_FLAGS")
    assert narrow == {**current_environment(), "xla_cpu_max_isa": "SSE4_2"}


def test_the_cores_are_recorded_where_they_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("expifref.connections.products.cores_matter", lambda kernels: kernels)
    monkeypatch.setattr(environment, "_cores", lambda: 7)
    assert current_environment(kernels=True)["cores"] == "7"
    assert "cores" not in current_environment()


def test_odd_names_of_machines_are_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "a\x1b[31m/" + "é" * 90)
    monkeypatch.setattr("platform.system", lambda: "")
    found = current_environment()
    assert found["machine"] == "a__31m_" + "_" * 57
    assert found["system"] == "unknown"


def test_what_changed_is_one_sentence() -> None:
    was = {"jax": "0.9.2", "numpy": "2.4.6", "cores": "8"}
    assert change(was, dict(was)) is None
    assert change(was, {"jax": "0.10.2", "numpy": "2.4.6"}) == (
        "Warning: the run goes on in another environment "
        f"(`jax` was 0.9.2, is 0.10.2; `cores` was 8, is not recorded){END}"
    )
    many = {f"{name}" * 64: "x" * 64 for name in "abcde"}
    found = change(many, dict.fromkeys(many, "y" * 64))
    listed = "; ".join(f"`{name * 24}` was {'x' * 24}, is {'y' * 24}" for name in "abc")
    assert found == f"Warning: the run goes on in another environment ({listed}; 2 more){END}"
    assert len(found) < 500


def test_models_say_where_they_were_trained(path: Path) -> None:
    stored = read_model(path)
    assert stored.environments == (current_environment(),)
    other = path.with_name("other.safetensors")
    save_model(other, replace(stored, environments=({"jax": "0.1"},)))
    assert read_model(other).environments == ({"jax": "0.1"},)
    assert other.read_bytes() != path.read_bytes()
    # It is no part of the network: programs lowered from both are the same.
    assert description_digest(read_model(other).description) == description_digest(stored.description)


def test_resume_elsewhere_goes_on_with_a_warning(path: Path) -> None:
    data, here = blobs(), current_environment()
    there = {**here, "jaxlib": "0.0.1", "instruction_set": "X"}
    edit_both(path, lambda document: document.update(environments=[there]))
    told = Recorder()
    resumed = train(data, NET, QUICK, session=Session(path=path, resume=True, reporter=told))
    assert told.messages[:1] == [
        f"Warning: the run goes on in another environment (`jaxlib` was 0.0.1, is {here['jaxlib']}; "
        f"`instruction_set` was X, is {here['instruction_set']}){END}"
    ]
    assert len(resumed.history) == 2
    assert read_model(path).environments == (there, here)
    silent = Recorder()
    again = train(
        data, NET, replace(QUICK, epochs=3), session=Session(path=path, resume=True, reporter=silent)
    )
    assert [message for message in silent.messages if "environment" in message] == []
    assert (len(again.history), read_model(path).environments) == (3, (there, here))


def test_files_from_before_are_read(path: Path) -> None:
    description = read_model(path).description
    edit_both(path, lambda document: document.pop("environments"))
    assert read_model(path).environments == ()
    assert_same(read_model(path).description, description)
    told = Recorder()
    resumed = train(blobs(), NET, QUICK, session=Session(path=path, resume=True, reporter=told))
    assert told.messages[:1] == [f"Warning: the state does not say in which environment it was stored{END}"]
    assert len(resumed.history) == 2
    assert read_model(path).environments == ({}, current_environment())


@pytest.mark.parametrize(
    "environments",
    [3, {}, ["jax"], [{"jax": 1}], [{"jax": "a b"}], [{"j\n": "1"}], [{"jax": ""}], [{"jax": "1" * 65}]],
)
def test_damaged_records_are_refused(path: Path, environments: object) -> None:
    edit_both(path, lambda document: document.update(environments=environments))
    with pytest.raises(FileFormatError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"`{path}` breaks its schema at `environments")
    with pytest.raises(FileFormatError) as caught:
        train(blobs(), NET, QUICK, session=Session(path=path, resume=True))
    assert str(caught.value).startswith(f"`{resume_path(path)}` breaks its schema at `environments")


def test_networks_from_elsewhere_have_none(path: Path) -> None:
    save_model(path, ModelFile(read_model(path).description))
    assert read_model(path).environments == ()
