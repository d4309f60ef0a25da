"""Programs as processes of Lava: the folder, the runner, the executor, and Lava's own simulator."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty

import numpy as np
import pytest

from expifref.exceptions import DataError, MissingToolError, RangeError, ToolError, UnsupportedError
from exporters.executors import make_executors
from exporters.lava import folder
from exporters.lava.executor import LAVA, LavaExecutor
from exporters.lava.folder import lava_files
from exporters.registry import export_program
from exporters.running import run_tool
from exporters.tools import override_name
from exporters.verification import Terms, verify
from hw_profiles import load_profile
from quantize.graph.layers import Graph, Port
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format
from quantize.program.program import Program
from quantize.run.emulator import GraphEmulator
from tests import lava_stand_in
from tests.amount import ALL
from tests.emitted_lava import StandInExecutor
from tests.exporters.test_connections import graph_of_windows
from tests.graph_executors import LABEL, assert_same
from tests.graphs import random_graph, random_graph_input, random_graph_state
from tests.networks import lowered, network, spike_input
from tests.tools import need

SIZES = (6, 5, 3)


@pytest.fixture(scope="module")
def program() -> Program:
    return lowered(network(SIZES))


@pytest.fixture
def written(program: Program, tmp_path: Path) -> Path:
    export_program(program, "lava", tmp_path / "lava")
    return tmp_path / "lava"


def edited(monkeypatch: pytest.MonkeyPatch, name: str, edit: Callable[[str], str]) -> None:
    """From now on the file `name` is another, which must make a difference."""

    def wrong(graph: object, label: object) -> dict[str, str]:
        files = dict(lava_files(graph, label))  # type: ignore[arg-type] # as it was given
        assert edit(files[name]) != files[name]
        return files | {name: edit(files[name])}

    for user in ("exporters.lava.executor", "tests.emitted_lava"):
        monkeypatch.setattr(f"{user}.lava_files", wrong)


def python(written: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "run.py", *arguments]
    return subprocess.run(command, cwd=written, capture_output=True, text=True, check=False)


def test_the_folder_is_complete_and_repeatable(program: Program, written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert names == {"network.py", "processes.py", "data.json", *folder.COMMON_FILES}
    before = {path.name: path.read_text(encoding="utf-8") for path in written.iterdir()}
    assert all(text.isascii() for text in before.values())
    export_program(program, "lava", written)
    assert {path.name: path.read_text(encoding="utf-8") for path in written.iterdir()} == before


def test_the_runner_needs_neither_lava_nor_expifref(program: Program, written: Path) -> None:
    """From any state, with as many samples at once as it takes."""
    graph = program.graph
    spikes, state = random_graph_input(graph, 9, 4, 1), random_graph_state(graph, 4, 1)
    np.save(written / "inputs.npy", spikes)
    np.savez(written / "state.npz", **{f"state.{name}": row for name, row in state.items()})  # type: ignore[arg-type]
    runner = written / "run.py"
    text = runner.read_text(encoding="utf-8")
    for at_once in ("1 << 25", "1"):
        runner.write_text(text.replace("1 << 25", at_once), encoding="utf-8")
        done = python(written, "inputs.npy", "out.npz", "--state", "state.npz", "--without-lava")
        assert done.returncode == 0, done.stderr
        wanted = GraphEmulator(graph).run(spikes, state)
        with np.load(written / "out.npz") as found:
            np.testing.assert_array_equal(found["output"], wanted.signals["readout"])
            for kind, values in (("signal", wanted.signals), ("state", wanted.state)):
                for name, value in values.items():
                    np.testing.assert_array_equal(found[f"{kind}.{name}"], value, err_msg=name)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (
            np.zeros((3, 2, 5), np.uint8),
            "the inputs must be whole numbers of the shape [steps, samples, 6], "
            "not uint8 of the shape [3, 2, 5]",
        ),
        (
            np.zeros((3, 6)),
            "the inputs must be whole numbers of the shape [steps, samples, 6], "
            "not float64 of the shape [3, 6]",
        ),
        (
            np.full((3, 2, 6), 2),
            "the inputs must be at least one step of one sample, of numbers in 0..1",
        ),
    ],
)
def test_the_runner_refuses_other_inputs(
    program: Program, written: Path, inputs: np.ndarray[tuple[int, ...], np.dtype[np.int64]], sentence: str
) -> None:
    assert program.graph.input == Port(6, Format(False, 1, 0))
    np.save(written / "inputs.npy", inputs)
    done = python(written, "inputs.npy", "out.npz", "--without-lava")
    assert (done.returncode, done.stderr) == (1, f"{sentence}\n")


def test_a_program_may_use_any_name() -> None:
    """Those of Python, of Lava and of the emitted files too."""
    names = {"layer0": "class", "layer1": "self", "layer2": "file", "layer3": "input_"}
    graph = random_graph(0)
    assert {one.name for one in graph.layers} == set(names)
    results = iter(("def", "np", "table", "now", "past", "state", "shape", "lambda", "whole", "rnd", "step"))
    layers = []
    for one in graph.layers:
        new = {name: next(results, name) for name in one.results}
        body = tuple(
            replace(operation, name=new[operation.name], of=tuple(new[name] for name in operation.of))  # type: ignore[arg-type]
            for operation in one.body
        )
        layers.append(
            replace(
                one,
                name=names[one.name],
                feeds=tuple(replace(f, source=names.get(f.source, f.source)) for f in one.feeds),
                body=body,
                next={key: new[result] for key, result in one.next.items()},
                output=new[one.output],
                signals={key: new[result] for key, result in one.signals.items()},
            )
        )
    named = replace(graph, layers=tuple(layers), output=names[graph.output])
    spikes = random_graph_input(named, 5, 2, 0)
    assert_same(StandInExecutor(named, LABEL).run(spikes), GraphEmulator(named).run(spikes))


def test_processes_that_wait_for_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that hears itself before it has spoken waits for ever."""
    looped = random_graph(13)
    spikes = random_graph_input(looped, 3, 2, 0)
    StandInExecutor(looped, LABEL).run(spikes)
    monkeypatch.setattr(lava_stand_in, "PATIENCE", 0.2)

    def deaf(text: str) -> str:
        return re.sub(
            r"(        self\.out\.send\(found\.output\)\n)((?:.*\n)*?)(        self\.past_\w+ = .*\n)",
            r"\3\1\2",
            text,
        )

    edited(monkeypatch, "processes.py", deaf)
    with pytest.raises(Empty):
        StandInExecutor(looped, LABEL).run(spikes)


def test_a_wrong_bit_is_found(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    spikes = random_graph_input(program.graph, 9, 4, 1)
    edited(monkeypatch, "network.py", lambda text: text.replace(" = rnd(", " = trn("))
    found = StandInExecutor(program.graph, LABEL).run(spikes)
    wanted = GraphEmulator(program.graph).run(spikes)
    assert (found.signals["readout"] != wanted.signals["readout"]).any()


def test_what_a_process_cannot_hold_is_refused(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST_VALUES", 29)
    with pytest.raises(UnsupportedError) as caught:
        lava_files(program.graph, LABEL)
    assert str(caught.value) == (
        "`layer0.feeds.0.weight` must have at most 29 values in a process of Lava, not 30: each is 8 bytes "
        "there; export it to C, or run it with the native executor"
    )
    monkeypatch.setattr(folder, "MOST_VALUES", 30)
    first, *others = program.graph.layers
    late = replace(first, feeds=(replace(first.feeds[0], delay=frozen([6])),))
    with pytest.raises(UnsupportedError, match=r"^`layer0.past.input` must have at most 30 values .* not 36"):
        lava_files(replace(program.graph, layers=(late, *others)), LABEL)


def test_what_is_not_proven_is_refused(program: Program) -> None:
    first, *others = program.graph.layers
    narrow = replace(first.feeds[0].connection, accumulator=Format(True, 2, 0))
    wrong = replace(first, feeds=(replace(first.feeds[0], connection=narrow),))
    with pytest.raises(RangeError):
        lava_files(replace(program.graph, layers=(wrong, *others)), LABEL)


def test_without_lava_it_is_said(program: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(override_name(LAVA), raising=False)
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(MissingToolError) as caught:
        LavaExecutor(program.graph, LABEL)
    assert re.fullmatch(
        r"`lava-python` with `lava.magma` must be installed \(run emitted processes in Lava\), but was not "
        r"found: run `python3.10 -m venv \S+/peers/lava && \S+/peers/lava/bin/pip install "
        r"lava-nc==0.10.0 numpy==1.26.4`, or set EXPIFREF_LAVA_PYTHON to its path",
        str(caught.value),
    )
    monkeypatch.setenv(override_name(LAVA), str(tmp_path / "python"))
    (tmp_path / "python").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(MissingToolError, match=r"^EXPIFREF_LAVA_PYTHON must name a program that can be run"):
        LavaExecutor(program.graph, LABEL)


GRAPHS: dict[str, Callable[[], Graph]] = {
    "convolutions, late and of itself": lambda: graph_of_windows("from itself, each value of its own age"),
    **{
        f"random graph {seed}": partial(random_graph, seed)
        for seed in (
            range(60) if ALL else (0, 2, 27)
        )  # four layers that hear each other; one of its own past
    },
}


@pytest.mark.parametrize("case", GRAPHS)
def test_the_simulator_of_lava_gives_the_same_bits(case: str) -> None:
    need(LAVA)
    graph = GRAPHS[case]()
    spikes, state = random_graph_input(graph, 7, 3, 1), random_graph_state(graph, 3, 1)
    assert_same(LavaExecutor(graph, LABEL).run(spikes, state), GraphEmulator(graph).run(spikes, state))


def test_it_is_an_executor_of_verify(program: Program) -> None:
    need(LAVA)
    executors = make_executors(["lava"], program, load_profile("generic-16bit"))
    spikes = spike_input(network(SIZES), steps=9, batch=4)
    result = verify(program, executors, [spikes], Terms(probe=False))
    assert result.passed
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 5$"):
        executors["lava"].run(spikes[:, :, :5])


def test_a_process_that_fails_ends_all(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lava itself would wait for it for ever."""
    need(LAVA)
    edited(monkeypatch, "network.py", lambda text: text.replace("    return Step(", "    return Stop("))
    with pytest.raises(ToolError, match=r"ended with code 1: .*NameError: name 'Stop' is not defined"):
        LavaExecutor(program.graph, LABEL).run(spike_input(network(SIZES), steps=3, batch=2))


def test_the_page_of_the_folder_tells_the_truth(program: Program, written: Path) -> None:
    """Its example runs beside the files, and the states that it prints are those of the emulator."""
    need(LAVA)
    (code,) = re.findall(
        r"```python\n(.*?)```", (written / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    (written / "example.py").write_text(code, encoding="utf-8")
    printed = run_tool(LAVA, ["example.py"], written, timeout_s=60).strip().splitlines()[-1]
    state = GraphEmulator(program.graph).run(np.zeros((25, 1, 6), np.uint8)).state
    assert printed.startswith("{'state_output': array([")
    numbers = [int(float(one)) for one in re.findall(r"-?\d+(?:\.\d*)?(?=[,\] ])", printed)]
    assert any(numbers)
    assert numbers == state["readout"][0].tolist()
