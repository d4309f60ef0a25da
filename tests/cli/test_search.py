"""`search`: a front of verified programs, and a study that outlives its workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from cli.search_job import SearchJob, Setup, set_up
from cli.search_workers import _work, finish_study
from expifref.exceptions import FileFormatError, ToolError
from exporters.executors import missing_executors
from quantize.program.file import digest, load_program
from quantize.search import Outcome

from .conftest import Workspace
from .reports import facts_of
from .shell import expifref, refused, succeeds

TRIALS = 7


def command(work: Workspace, out: Path, *options: object) -> tuple[object, ...]:
    base = ("search", work.model, "--dataset", work.data, "--keep", "accuracy=20%")
    return (*base, "--trials", TRIALS, "--out", out, *options)


@pytest.fixture(scope="module")
def searched(work: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search with one worker."""
    out = tmp_path_factory.mktemp("search") / "out"
    succeeds(*command(work, out))
    return out


def document(out: Path) -> dict[str, Any]:
    found = json.loads((out / "front.json").read_text())
    assert isinstance(found, dict)
    return found


def test_the_front_is_verified_and_ready(searched: Path) -> None:
    found = document(searched)
    assert (found["passed"], len(found["trials"]), found["samples"]["part"]) == (True, TRIALS, "training")
    assert found["front"]
    assert found["smallest"] == min(found["front"], key=lambda row: row["memory_bytes"])["trial"]
    for row in found["front"]:
        program = load_program(searched / row["program"])
        assert digest(program) == row["digest"]
        executors = row["verification"]["executors"]
        assert {*executors, *row["verification"]["not_run"]} == {"native", "jax"}
        assert {*row["verification"]["not_run"]} == {"native"} & {*missing_executors()}
        assert all(entry["differing_bits"] == 0 and entry["samples"] > 0 for entry in executors.values())
        assert row["loss"] <= 0.2
        assert 0 <= row["test"]["accuracy"] <= 1


def test_quantize_makes_the_same_program(work: Workspace, searched: Path, tmp_path: Path) -> None:
    row = document(searched)["front"][0]
    options: list[object] = []
    for name, value in row["parameters"].items():
        flag = name.replace("_", "-")
        options += (
            [f"--{'' if value else 'no-'}{flag}"] if name == "bias_correction" else [f"--{flag}", value]
        )
    out = tmp_path / "p.json"
    succeeds("quantize", work.model, "--dataset", work.data, "--out", out, *options)
    assert out.read_bytes() == (searched / row["program"]).read_bytes()


def test_what_is_left_behind(searched: Path) -> None:
    found = document(searched)
    programs = {row["program"] for row in found["front"]}
    files = {path.name for path in searched.iterdir()}
    assert files == {"front.json", "front.md", "front.png", "report.html", "study.journal", *programs}
    assert facts_of(searched / "report.html") == found
    assert (searched / "front.png").read_bytes().startswith(b"\x89PNG")
    table = (searched / "front.md").read_text()
    assert all(f"\n| {row['trial']} | {row['memory_bytes']:,} | " in table for row in found["front"])


def test_again_asks_nothing_and_writes_the_same(work: Workspace, searched: Path) -> None:
    old = searched / "program-999.json"
    old.write_text("of a front before")
    before = {path.name: path.read_bytes() for path in searched.iterdir() if path != old}
    printed = succeeds(*command(work, searched), "--json").json
    # To join a study is a line in its journal.
    after = {path.name: path.read_bytes() for path in searched.iterdir()}
    assert {name: data for name, data in after.items() if name != "study.journal"} == {
        name: data for name, data in before.items() if name != "study.journal"
    }
    assert printed == {"out": str(searched), **document(searched)}


def test_nothing_good_enough(work: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    base = ("search", work.model, "--dataset", work.data, "--keep", "spikes=0", "--trials", 2, "--out", out)
    outcome = expifref(*base)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.startswith("None of 2 points keeps spikes=0%: allow to lose more, or take a profile ")
    assert document(out)["smallest"] is None


def test_refusals(work: Workspace, searched: Path, tmp_path: Path) -> None:
    base = ("search", work.model, "--dataset", work.data, "--out", tmp_path / "new")
    assert refused(tmp_path, *base, "--keep", "all").startswith("`--keep` must be accuracy or spikes with ")
    assert refused(tmp_path, *base, "--keep", "spikes=1%", "--profile", "loihi1").startswith(
        "loihi1 has no exponential and no table to replace it, "
    )
    before = document(searched)
    other = expifref(*command(work, searched, "--seed", 1))
    assert (other.code, other.out) == (2, "")
    assert "was begun with " in other.err
    assert document(searched) == before
    nowhere = ("--keep", "spikes=1%", "--storage", "nothing://here")
    assert refused(tmp_path, *base, *nowhere).startswith("`nothing://here` must be a study that can be ")


def job_of(work: Workspace, folder: Path, model: Path | None = None) -> SearchJob:
    where = str(folder / "study.journal")
    return SearchJob(
        model or work.model,
        "generic-16bit",
        str(work.data),
        None,
        "accuracy=20%",
        1000,
        0,
        TRIALS,
        where,
        "s",
        2,
    )


class Killer:
    """Kills the worker that stays in the middle of a point; `seen` is what was finished then."""

    def __init__(self, study: Any, stuck: Path) -> None:
        self.study = study
        self.stuck = stuck
        self.lost: Any = None
        self.seen: dict[int, Any] = {}

    def __call__(self) -> None:
        if self.lost is not None or not self.stuck.exists():
            return
        pid = self.stuck.read_text()
        trials = self.study.get_trials(deepcopy=False)
        self.seen = {t.number: t.values for t in trials if t.state.is_finished()}
        running = [t for t in trials if t.state is TrialState.RUNNING]
        (self.lost,) = [t for t in running if t.user_attrs.get("worker", "").split("/")[1:2] == [pid]]
        os.kill(int(pid), signal.SIGKILL)


def _work_stuck_once(job: SearchJob, errors: Connection) -> None:
    """What a worker does, but the first that finds two points finished stays in the middle of its own."""
    measure = Setup.measure
    stuck = Path(job.storage).with_name("stuck")

    def measure_or_stay(setup: Setup, params: Any) -> Outcome:
        finished = [trial for trial in setup.join().get_trials() if trial.state.is_finished()]
        with contextlib.suppress(FileExistsError):
            if len(finished) >= 2:
                own = stuck.with_name(f"stuck.{os.getpid()}")
                own.write_text(str(os.getpid()))
                os.link(own, stuck)  # whole, or not at all
                time.sleep(600)
        return measure(setup, params)

    Setup.measure = measure_or_stay  # type: ignore[method-assign, assignment]  # in this process alone
    _work(job, errors)


def test_one_of_two_workers_is_killed(
    work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(work, tmp_path)
    study = set_up(job).join()
    killer = Killer(study, tmp_path / "stuck")
    monkeypatch.setattr("cli.search_workers._work", _work_stuck_once)
    finish_study(job, study, killer)
    trials = study.get_trials()
    assert killer.lost is not None
    assert trials[killer.lost.number].state is TrialState.FAIL
    (again,) = [t for t in trials if t.user_attrs.get("retry_of") == killer.lost.number]
    assert (again.params, again.state.is_finished()) == (killer.lost.params, True)
    finished = [t for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(finished) == TRIALS
    assert killer.seen.items() <= {t.number: t.values for t in finished}.items()
    setup = set_up(job)
    for trial in finished[:4]:
        losses = setup.measure(trial.params).losses
        assert trial.values is None or losses is not None
        assert trial.values is None or losses is None or trial.values[2] == losses.of(setup.keep)


def test_what_a_worker_refuses_reaches_the_user(work: Workspace, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(work.model.read_bytes())
    job = job_of(work, tmp_path, model)
    study = set_up(job).join()
    model.unlink()
    with pytest.raises(FileFormatError, match="must be an expifref-model file, but does not exist"):
        finish_study(job, study, lambda: None)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("_end", "2 in a row were killed (the last by signal 9): give fewer --workers or more memory"),
        (
            "_idle",
            "2 in a row ended without one: a script that calls this must do so below "
            '`if __name__ == "__main__":`, or give --workers 1',
        ),
    ],
)
def test_workers_that_finish_nothing(
    what: str, said: str, work: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(work, tmp_path)
    study = set_up(job).join()
    monkeypatch.setattr("cli.search_workers._work", globals()[what])
    monkeypatch.setattr("cli.search_workers._MOST_ENDS", 1)
    with pytest.raises(ToolError) as caught:
        finish_study(job, study, lambda: None)
    assert str(caught.value) == f"workers must finish a point now and then, but {said}"


def _idle(*_arguments: object) -> None:
    pass


def _end(*_arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
