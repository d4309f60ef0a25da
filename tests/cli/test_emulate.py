"""`emulate`: what it writes, which must not depend on how it was computed, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

import cli.room
from expifref.data import load
from expifref.encoders import encode
from exporters.native.executor import NativeExecutor
from exporters.tools import TOOLS, override_name
from quantize.program.file import digest, load_program, save_program
from quantize.run.emulator import Emulator
from tests.programs import random_input, random_program
from tests.tools import need

from .conftest import CLASSES, HIDDEN, INPUTS, SAMPLES, STEPS, Workspace
from .edits import edit_json
from .shell import expifref, refused, succeeds

MANY = 1100  # samples: more than a range, so that two processes have work


def emulated(work: Workspace, source: Path, out: Path, *options: object) -> dict[str, NDArray[np.int64]]:
    succeeds("emulate", source, "--input", work.spikes, "--out", out, *options)
    return arrays_of(out)


def arrays_of(out: Path) -> dict[str, NDArray[np.int64]]:
    if out.is_dir():
        return {path.name.removesuffix(".npy"): np.load(path) for path in sorted(out.glob("*.npy"))}
    with np.load(out, allow_pickle=False) as arrays:
        return dict(arrays)


def bytes_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_every_signal(work: Workspace, tmp_path: Path) -> None:
    arrays = emulated(work, work.program, tmp_path / "trace.npz")
    hidden, last = (STEPS, SAMPLES, HIDDEN), (STEPS, SAMPLES, CLASSES)
    assert {name: array.shape for name, array in arrays.items()} == {
        "layer0.accumulator": hidden,
        "layer0.drive": hidden,
        "layer0.membrane": hidden,
        "layer0.refractory": hidden,
        "layer0.spikes": hidden,
        "readout.accumulator": last,
        "readout": last,
    }
    assert {array.dtype.kind for array in arrays.values()} == {"i"}
    assert set(np.unique(arrays["layer0.spikes"])) == {0, 1}
    assert [path.name for path in tmp_path.iterdir()] == ["trace.npz"]


def test_the_same_from_the_deployment_file(work: Workspace, tmp_path: Path) -> None:
    emulated(work, work.program, tmp_path / "a")
    ours = emulated(work, work.deployment, tmp_path / "b")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    one = emulated(work, work.deployment, tmp_path / "c.npz", "--signal", "readout")
    np.testing.assert_array_equal(one.pop("readout"), ours["readout"])
    assert one == {}


def test_a_folder_holds_what_the_file_holds(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "new" / "trace"
    file, folder = emulated(work, work.program, tmp_path / "trace.npz"), emulated(work, work.program, out)
    np.testing.assert_equal(folder, dict(sorted(file.items())))
    assert {name: array.dtype for name, array in file.items()} == {n: a.dtype for n, a in folder.items()}
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == {
        "schema": "expifref/trace/1",
        "program": digest(load_program(work.program)),
        "steps": STEPS,
        "samples": SAMPLES,
        "arrays": {n: {"shape": list(a.shape), "dtype": a.dtype.str[1:]} for n, a in file.items()},
    }
    # An earlier result is replaced, and nothing but that.
    emulated(work, work.program, out, "--totals")
    assert not (out / "layer0.spikes.npy").exists()
    (out / "notes").write_text("precious")
    assert refused(tmp_path, "emulate", work.program, "--input", work.spikes, "--out", out) == (
        f"`{out}` cannot be written: it holds `notes`, which would be lost; "
        "choose a new folder, or one that holds nothing but an earlier export"
    )


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A program with saturations and an input of more samples than one range has."""
    folder = tmp_path_factory.mktemp("long")
    program = random_program(3, layers=2, readout=True, widths=(5, 6, 3))
    save_program(program, folder / "p.json")
    np.save(folder / "in.npy", random_input(program, 7, MANY, 0))
    return folder / "p.json", folder / "in.npy"


@pytest.mark.parametrize("options", [(), ("--totals",)])
def test_the_same_bytes_whoever_computes_them(
    long: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    need("gcc")
    command = ("emulate", long[0], "--input", long[1], *options, "--json")
    found = succeeds(*command, "--out", tmp_path / "a", "--executor", "emulator").json
    archive = tmp_path / "a.npz"
    succeeds(*command, "--out", archive)
    wanted, file = bytes_of(tmp_path / "a"), archive.read_bytes()
    assert found["saturations"]
    for executor in ("native", "jax"):
        again = succeeds(*command, "--out", tmp_path / "a", "--executor", executor).json
        assert (again["executor"], again["saturations"]) == (executor, None)
        assert bytes_of(tmp_path / "a") == wanted
    shared = succeeds(*command, "--out", tmp_path / "a", "--executor", "emulator", "--processes", 2).json
    assert shared == found
    assert bytes_of(tmp_path / "a") == wanted
    monkeypatch.setattr(cli.room, "_ROOM", 8000)
    monkeypatch.setattr(cli.room, "_STEPS_TOGETHER", 2)
    assert succeeds(*command, "--out", tmp_path / "a", "--executor", "emulator").json == found
    assert bytes_of(tmp_path / "a") == wanted
    succeeds(*command, "--out", archive)
    assert archive.read_bytes() == file


def test_totals_are_those_of_the_signals(long: tuple[Path, Path], tmp_path: Path) -> None:
    spikes = np.load(long[1])
    run = Emulator(load_program(long[0])).run(spikes)
    succeeds("emulate", long[0], "--input", long[1], "--totals", "--out", tmp_path / "t.npz")
    found = arrays_of(tmp_path / "t.npz")
    output = run.signals["readout"].sum(axis=0)
    wanted = {
        "predictions": output.argmax(axis=-1),
        "output": output,
        "counts.layer0.spikes": run.signals["layer0.spikes"].sum(axis=0),
        **{f"state.{name}": values for name, values in run.state.items()},
    }
    np.testing.assert_equal(found, wanted)


def test_a_mapped_file_and_its_first_samples(work: Workspace, tmp_path: Path) -> None:
    with np.load(work.spikes) as arrays:
        np.save(tmp_path / "in.npy", arrays["spikes"])
    command = ("emulate", work.program, "--input", tmp_path / "in.npy", "--out", tmp_path / "a.npz")
    succeeds(*command)
    wanted = emulated(work, work.program, tmp_path / "b.npz")
    np.testing.assert_equal(arrays_of(tmp_path / "a.npz"), wanted)
    first = {name: array[:, :3] for name, array in wanted.items()}
    succeeds(*command, "--samples", 3)
    np.testing.assert_equal(arrays_of(tmp_path / "a.npz"), first)
    np.testing.assert_equal(emulated(work, work.program, tmp_path / "b.npz", "--samples", 3), first)


def test_a_file_in_the_order_of_fortran(work: Workspace, tmp_path: Path) -> None:
    with np.load(work.spikes) as arrays:
        np.save(tmp_path / "in.npy", np.asfortranarray(arrays["spikes"]))
    command = ("emulate", work.program, "--input", tmp_path / "in.npy", "--out", tmp_path / "a.npz")
    succeeds(*command)
    wanted = emulated(work, work.program, tmp_path / "b.npz")
    np.testing.assert_equal(arrays_of(tmp_path / "a.npz"), wanted)


def test_the_samples_of_a_data_set(work: Workspace, tmp_path: Path) -> None:
    program, data = load_program(work.program), load(str(work.data), None, seed=2)
    spikes = encode(program.encoder, data.test.values[:10], program.steps, seed=2)
    command = ("emulate", work.program, "--dataset", work.data, "--samples", 10, "--seed", 2, "--json")
    summary = succeeds(*command, "--out", tmp_path / "a.npz").json
    assert (summary["samples"], summary["steps"]) == (10, STEPS)
    np.testing.assert_equal(arrays_of(tmp_path / "a.npz"), Emulator(program).run(spikes).signals)
    found = succeeds(*command, "--out", tmp_path / "t", "--totals").json
    assert found["accuracy"] == np.mean(arrays_of(tmp_path / "t")["predictions"] == data.test.labels[:10])


def test_the_executor_is_named_and_why(work: Workspace, tmp_path: Path) -> None:
    need("gcc")
    command = ("emulate", work.program, "--input", work.spikes, "--out", tmp_path / "t.npz")
    found = succeeds(*command, "--json").json
    assert found["executor"] == "emulator"
    assert found["because"] == "it is done before a faster one has started"
    assert set(found["saturations"]) == {"layer0.rescale"}
    said = " ".join(succeeds(*command, "--executor", "native").out.split())
    assert "executor native because it was asked for" in said
    assert "saturations not counted; `--executor emulator` counts them" in said


def test_without_a_compiler(work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TOOLS:
        monkeypatch.setenv(override_name(name), "/nowhere")
    monkeypatch.setattr("exporters.choice._START_SECONDS", 0)
    command = ("emulate", work.program, "--input", work.spikes, "--json")
    found = succeeds(*command, "--out", tmp_path / "a").json
    assert (found["executor"], found["because"]) == ("jax", "native code cannot be built here")
    succeeds(*command, "--out", tmp_path / "b", "--executor", "emulator")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    message = refused(tmp_path, *command, "--out", tmp_path / "c", "--executor", "native")
    assert message.startswith("EXPIFREF_GCC must name a program that can be run as `gcc`, not `/nowhere`")


@pytest.mark.parametrize("processes", [1, 2])
def test_an_executor_that_refuses_is_passed_over(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    broken = tmp_path / "gcc"
    broken.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv(override_name("gcc"), str(broken))
    monkeypatch.setattr("exporters.choice._START_SECONDS", 0)
    command = ("emulate", work.program, "--input", work.spikes, "--processes", processes, "--json")
    found = succeeds(*command, "--out", tmp_path / "a").json
    assert (found["executor"], found["because"]) == ("jax", "native code cannot be built here")
    assert found["saturations"] is None
    succeeds(*command, "--out", tmp_path / "b", "--executor", "emulator")
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert "broken" in refused(tmp_path, *command, "--out", tmp_path / "c", "--executor", "native")


def test_an_executor_is_made_only_where_it_runs(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc")
    monkeypatch.setattr("exporters.choice._START_SECONDS", 0)
    monkeypatch.setattr(NativeExecutor, "__init__", mock.Mock(side_effect=AssertionError))
    command = ("emulate", work.program, "--input", work.spikes, "--json", "--out", tmp_path / "a")
    assert succeeds(*command, "--processes", 2).json["executor"] == "native"
    assert "AssertionError" in expifref(*command).err


def test_options_that_do_not_go_together(work: Workspace, tmp_path: Path) -> None:
    command: tuple[object, ...] = ("emulate", work.program, "--out", tmp_path / "t.npz")
    neither = "the inputs must come from one of `--input` and `--dataset`: give exactly one"
    assert refused(tmp_path, *command) == neither
    assert refused(tmp_path, *command, "--input", work.spikes, "--dataset", work.data) == neither
    command = (*command, "--input", work.spikes)
    assert refused(tmp_path, *command, "--totals", "--signal", "readout") == (
        "`--totals` keeps no signal: leave out `--signal`"
    )
    assert refused(tmp_path, *command, "--executor", "gpu") == (
        "the executor must be one of auto, emulator, native, jax, not `gpu`"
    )
    file = tmp_path / "file"
    file.write_text("precious")
    assert refused(tmp_path, "emulate", work.program, "--input", work.spikes, "--out", file) == (
        f"`{file}` cannot be written: it is a file, and must be the name of a folder"
    )


GOOD = np.zeros((STEPS, SAMPLES, INPUTS), np.uint8)
NO_ARRAY = "{bad} must be a complete .npy file of numbers; it is truncated or of another kind"
MAPPED: dict[str, tuple[NDArray[np.generic] | bytes, str]] = {
    "int64": (GOOD.astype(np.int64), "the input must be uint8 or bool, not int64"),
    "two axes": (GOOD[0], "the input must have the shape [steps, batch, inputs], not [4, 6]"),
    "width": (GOOD[..., :5], "the input must have 6 channels, not 5"),
    "no steps": (GOOD[:0], "the input must hold at least one step and one sample, not [0, 4, 6]"),
    "another kind": (
        b"hello",
        "{bad} must be a complete .npy file of numbers; it is truncated or of another kind",
    ),
    "objects": (np.array([{}, None]), NO_ARRAY),
}


@pytest.mark.parametrize("case", MAPPED)
def test_bad_mapped_files(work: Workspace, tmp_path: Path, case: str) -> None:
    content, message = MAPPED[case]
    bad = tmp_path / "in.npy"
    if isinstance(content, bytes):
        bad.write_bytes(content)
    else:
        np.save(bad, content)
    command = ("emulate", work.program, "--input", bad, "--out", tmp_path / "t")
    assert refused(tmp_path, *command) == message.format(bad=bad)


def test_a_mapped_file_that_is_cut(work: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "in.npy"
    np.save(bad, GOOD)
    bad.write_bytes(bad.read_bytes()[:-5])
    command = ("emulate", work.program, "--input", bad, "--out", tmp_path / "t")
    assert refused(tmp_path, *command) == NO_ARRAY.format(bad=bad)
    bad.unlink()
    assert refused(tmp_path, *command) == f"`{bad}` cannot be read: No such file or directory"


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("name", ["t", "t.npz"])
def test_a_bad_value_late_in_a_mapped_file(
    work: Workspace, tmp_path: Path, name: str, processes: int
) -> None:
    """Found when it is reached, in whatever process; nothing is left of what was written before."""
    narrow = edit_json(work.program, tmp_path / "p.json", "graph.input.format.bits", 1)
    spikes = np.zeros((2, MANY, INPUTS), np.uint8)
    spikes[1, -1, 0] = 2
    np.save(tmp_path / "in.npy", spikes)
    command = ("emulate", narrow, "--input", tmp_path / "in.npy", "--out", tmp_path / name)
    message = refused(tmp_path, *command, "--processes", processes)
    assert message == "the input must lie in 0..1, not in 0..2"
    assert {path.name for path in tmp_path.iterdir()} == {"p.json", "in.npy"}


@pytest.mark.parametrize("name", ["t", "t.npz"])
def test_interrupted_and_out_of_room(work: Workspace, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    emulated(work, work.program, out)
    before = arrays_of(out)
    command = ("emulate", work.program, "--input", work.spikes, "--out", out)
    with mock.patch.object(Emulator, "run", side_effect=KeyboardInterrupt):
        outcome = expifref(*command)
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "expifref: interrupted\n")
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch("os.posix_fallocate", side_effect=full):
        assert refused(tmp_path, *command) == f"`{out}` cannot be written: No space left on device"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_equal(arrays_of(out), before)
