"""Results of other ranks are looked at before they are used: none names a file or has another shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.emulation import Emulated, EmulationJob, Loaded, Stage
from cli.inputs import Inputs, Source
from cli.jobs import Crew
from cli.output import Bar
from cli.ranks import Group
from cli.ranks.wire import Array
from cli.verification import VerificationJob, agreed_executors
from expifref.exceptions import DataError
from exporters.choice import Choice
from exporters.verification import ExecutorResult, Verification
from quantize.fidelity import Part, check_part, compare_part
from quantize.fidelity.comparison import NeuronCounts
from quantize.fidelity.divergence import Located
from quantize.run.stored import StoredArray, scratch_arrays
from tests.networks import lowered, network, spike_input

from .conftest import Workspace

SAMPLES = 1024
EMULATOR = Choice("emulator", "it was asked for")
LAYOUT = {
    "predictions": StoredArray((SAMPLES + 6,), np.dtype(np.uint8)),
    "output": StoredArray((SAMPLES + 6, 3), np.dtype(np.int16)),
}
NEXT: dict[str, Array] = {"predictions": np.ones(6, np.uint8), "output": np.ones((6, 3), np.int16)}


class Zeros(EmulationJob):
    """One whose totals are 0."""

    def run(self, loaded: Loaded, part: range, report: Bar) -> Emulated:
        report(len(part))
        assert loaded.inputs.samples == SAMPLES + 6
        assert self.stage is not None
        values = {
            name: np.zeros((len(part), *array.shape[1:]), array.dtype) for name, array in LAYOUT.items()
        }
        return Emulated(EMULATOR, part.start, len(part), Counter(), 1, values=values)


class Two(Group):
    """Two ranks, of which the other one tells what it is given."""

    def __init__(self, told: Any, rank: int = 0) -> None:
        super().__init__(rank, 2)
        self.told = told

    def exchange(self, _about: str, value: Any, _form: Any) -> list[Any]:
        return [value, self.told] if self.leads else [self.told, value]


def totals(told: object, folder: Path) -> Emulated:
    """What rank 0 takes, whose own range is the first one."""
    stage = Stage(folder, EMULATOR, told=True)
    job = Zeros(Path("p.json"), Source(), Path("out"), totals=True, stage=stage)
    inputs = Inputs(1, SAMPLES + 6, lambda _rows: pytest.fail("nothing runs"))
    return job.share(Loaded(lowered(network()), "", inputs, ()), Crew(1, Two(told)))


def told(start: int, samples: int, values: dict[str, Array]) -> list[Emulated]:
    return [Emulated(EMULATOR, start, samples, Counter(), 1, values=values)]


def test_totals_of_the_next_samples_are_taken() -> None:
    with scratch_arrays(LAYOUT) as folder:
        assert totals(told(SAMPLES, 6, NEXT), folder).correct == 2
        assert np.load(folder / "output.npy")[SAMPLES - 1 :].tolist() == [[0] * 3, *[[1] * 3] * 6]


@pytest.mark.parametrize(
    ("start", "count", "values"),
    [
        (0, 6, NEXT),
        (SAMPLES, 5, NEXT),
        (SAMPLES, 7, {name: np.ones((7, *part.shape[1:]), part.dtype) for name, part in NEXT.items()}),
        (SAMPLES, 6, {"predictions": NEXT["predictions"]}),
        (SAMPLES, 6, {**NEXT, "output": np.ones((6, 2), np.int16)}),
        (SAMPLES, 6, {**NEXT, "output": np.ones((6, 3), np.int32)}),
        (SAMPLES, 6, {**NEXT, "predictions": np.uint8(1).reshape(())}),
    ],
)
def test_other_totals_are_refused(start: int, count: int, values: dict[str, Any]) -> None:
    with scratch_arrays(LAYOUT) as folder, pytest.raises(DataError) as caught:
        totals(told(start, count, values), folder)
    assert str(caught.value) == "every rank must tell the totals of its samples, but one tells something else"


def test_totals_name_no_file(tmp_path: Path) -> None:
    victim = tmp_path / "victim.npy"
    np.save(victim, np.zeros(SAMPLES + 6, np.uint8))
    before = victim.read_bytes()
    values = {**NEXT, str(tmp_path / "victim"): np.ones(6, np.uint8)}
    with scratch_arrays(LAYOUT) as folder, pytest.raises(DataError):
        totals(told(SAMPLES, 6, values), folder)
    assert victim.read_bytes() == before


@pytest.mark.parametrize("results", [[], [1, 2]])
def test_every_range_has_one_result(results: list[int]) -> None:
    with scratch_arrays(LAYOUT) as folder, pytest.raises(DataError) as caught:
        totals(results, folder)
    assert str(caught.value) == "every rank must give a result for each of its ranges, but one does not"


def job(work: Workspace, executors: tuple[str, ...] | None, samples: int = 1) -> VerificationJob:
    return VerificationJob(work.program, Source(samples=samples), executors)


@pytest.mark.parametrize("executors", [{}, {"jax": ExecutorResult(1)}])
def test_results_of_other_executors_are_refused(
    work: Workspace, executors: dict[str, ExecutorResult]
) -> None:
    found = job(work, ("deployment",), samples=1030)
    with pytest.raises(DataError) as caught:
        found.result(found.load(), Crew(1, Two([Verification(executors)])))
    assert str(caught.value) == "every rank must run the same executors, but one tells of others"


@pytest.mark.parametrize("names", [(), ("/nowhere/net.onnx",), ("jax", "shell")])
def test_rank_0_chooses_no_file_as_an_executor(work: Workspace, names: tuple[str, ...]) -> None:
    loaded = job(work, None).load()
    with pytest.raises(DataError) as caught:
        agreed_executors(loaded, Two(names, rank=1))
    assert str(caught.value) == "rank 0 must choose executors that are known, but names others"
    assert agreed_executors(loaded, Two(("jax",), rank=1)) == ("jax",)


REAL, PROGRAM = network(), lowered(network(seed=1))


@pytest.fixture(scope="module")
def part() -> Part:
    found = compare_part(REAL, PROGRAM, [(spike_input(REAL), None)])
    assert found.first is not None
    assert found.sums.layers[0].neurons is not None
    return found


def test_a_part_of_these_networks_is_taken(part: Part) -> None:
    check_part(REAL, PROGRAM, part)
    check_part(REAL, PROGRAM, replace(part, first=None))


def fewer_layers(part: Part) -> Part:
    return replace(part, sums=replace(part.sums, layers=part.sums.layers[1:]))


def another_layer(**changes: Any) -> Callable[[Part], Part]:
    def change(part: Part) -> Part:
        layers = [replace(part.sums.layers[0], **changes), *part.sums.layers[1:]]
        return replace(part, sums=replace(part.sums, layers=layers))

    return change


def another_place(*place: int) -> Callable[[Part], Part]:
    def change(part: Part) -> Part:
        assert part.first is not None
        step, layer, sample, neuron = place
        return replace(part, first=replace(part.first, place=(step, layer, sample, neuron)))

    return change


def another_input(part: Part) -> Part:
    first = part.first
    assert isinstance(first, Located)
    return replace(part, first=replace(first, spikes=first.spikes[:, :, 1:]))


ONES = np.ones(3, np.int64)


@pytest.mark.parametrize(
    "change",
    [
        fewer_layers,
        another_layer(name="another"),
        another_layer(width=11),
        another_layer(neurons=NeuronCounts(ONES, ONES, ONES)),
        another_place(10**6, 0, 0, 0),
        another_place(-1, 0, 0, 0),
        another_place(0, 7, 0, 0),
        another_place(0, -1, 0, 0),
        another_place(0, 0, -1, 0),
        another_place(0, 0, 0, 10),
        another_place(0, 0, 0, -1),
        another_input,
    ],
)
def test_a_part_of_other_networks_is_refused(part: Part, change: Callable[[Part], Part]) -> None:
    with pytest.raises(DataError) as caught:
        check_part(REAL, PROGRAM, change(part))
    assert str(caught.value) == (
        "a part of a comparison must have the layers of both networks, but has others"
    )
