"""A study survives whatever happens to those who work on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from expifref.exceptions import FileFormatError, ParameterError
from hw_profiles import load_profile
from quantize.search import Keep, Outcome, Question, Space, finished_points, front, open_study, work
from quantize.search.evaluation import Losses
from quantize.search.space import Parameters
from quantize.search.storage import cut_unfinished_line
from quantize.search.workers import abandoned, open_points, requeue_abandoned, worker_name

SPACE = Space.of(load_profile("generic-16bit"))
KEEP = Keep("accuracy", 0.05)
QUESTION = Question("1" * 64, "generic-16bit", "2" * 64, "digits", "3" * 64, 10, str(KEEP), 0)


def outcome_of(point: Parameters) -> Outcome:
    """A landscape: fewer bits cost less and lose more, and few membrane bits are refused."""
    if point["membrane_bits"] < 10:
        return Outcome(refused="the membrane must have 10 bits")
    bits = point["weight_bits"] + point["membrane_bits"]
    losses = Losses(1.0 - 0.4 / bits**2 - 0.2 / point["weight_bits"] ** 2, 1.0, 0.1)
    return Outcome(100 * bits + 2 ** point["table_segments"], bits**2, losses, f"sha256:{bits}")


def worked(storage: object, trials: int, seed: int = 0) -> Any:
    study = open_study(str(storage), "s", replace(QUESTION, seed=seed), SPACE)
    work(study, SPACE, KEEP, trials, outcome_of)
    return study


def points(study: Any) -> list[dict[str, Any]]:
    return [trial.params for trial in study.get_trials(deepcopy=False)]


def test_one_worker_asks_the_same_every_time(tmp_path: Path) -> None:
    first, again = worked(tmp_path / "a", 30), worked(tmp_path / "b", 30)
    assert points(first) == points(again)
    assert points(worked(tmp_path / "c", 30, seed=1)) != points(first)


def test_a_resumed_study_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = worked(tmp_path / "a", 30)
    worked(tmp_path / "b", 11)
    assert points(worked(tmp_path / "b", 30)) == points(whole)


def test_no_point_is_asked_twice(tmp_path: Path) -> None:
    asked = [tuple(sorted(point.items())) for point in points(worked(tmp_path / "a", 60))]
    assert len(set(asked)) == len(asked) == 60


def test_a_database_works_too(tmp_path: Path) -> None:
    study = worked(f"sqlite:///{tmp_path / 'study.db'}", 20)
    assert points(study) == points(worked(tmp_path / "a", 20))


def test_a_database_is_closed_between_questions(tmp_path: Path) -> None:
    place = tmp_path / "study.db"
    study = worked(f"sqlite:///{place}", 3)
    assert place.exists()
    assert len(study.trials) >= 3
    assert place not in [entry.resolve() for entry in Path("/proc/self/fd").iterdir()]


def test_the_front_is_kept_and_not_beaten(tmp_path: Path) -> None:
    found = finished_points(worked(tmp_path / "a", 60))
    best = front(found, KEEP)
    refused = [p for p in found if p.outcome.refused]
    assert refused
    assert all(p.outcome.losses is None for p in refused)
    values = [(p.outcome.memory_bytes, p.outcome.multiply_cost, loss(p)) for p in best]
    assert values == sorted(values)
    assert len(values) > 1
    for p in found:
        if p.outcome.losses is None or loss(p) > KEEP.limit:
            assert p not in best
            continue
        mine = (p.outcome.memory_bytes, p.outcome.multiply_cost, loss(p))
        beaten = any(all(a <= b for a, b in zip(other, mine, strict=True)) for other in values)
        assert beaten
        strictly = [v for v in values if v != mine and all(a <= b for a, b in zip(v, mine, strict=True))]
        assert (p in best) <= (not strictly)


def loss(point: Any) -> float:
    return float(point.outcome.losses.of(KEEP))


def test_refused_points_teach_the_constraint(tmp_path: Path) -> None:
    study = worked(tmp_path / "a", 60)
    lost = [t for t in study.get_trials() if t.constraints and t.constraints["accuracy"] > 0]
    assert lost
    assert {t.number for t in lost}.isdisjoint({p.number for p in front(finished_points(study), KEEP)})


def test_a_study_answers_one_question(tmp_path: Path) -> None:
    worked(tmp_path / "a", 3)
    with pytest.raises(ParameterError) as caught:
        open_study(str(tmp_path / "a"), "s", replace(QUESTION, keep="spikes=5%"), SPACE)
    assert str(caught.value) == (
        f"the study `s` in `{tmp_path / 'a'}` was begun with keep accuracy=5%, not spikes=5%: "
        "give the same options, or another --study or --out"
    )


HOSTILE: dict[str, tuple[str, str, str]] = {
    "question": (
        '"dataset": "digits"',
        '"dataset": "\\u001b[2J"',
        "the question of the study in `{place}` breaks its schema at `dataset`: a text must be one line ",
    ),
    "outcome": (
        '"refused": "the membrane',
        '"refused": "$x$ the membrane',
        "trial {number} of the study breaks its schema at `outcome.refused`: a text must be one line ",
    ),
    "digest": (
        '"digest": "sha256:',
        '"digest": "<b>sha256:',
        "trial {number} of the study breaks its schema at `outcome.digest`: a text must be one line ",
    ),
    "parameter": (
        r"\"mse\"",
        r"\"[bold]\"",
        "`{place}` must hold trials of this search, but trial {number} is none: ",
    ),
}
"""What stands in a journal, what is put there, and with which sentence it is refused."""


@pytest.mark.parametrize("case", HOSTILE)
def test_the_texts_of_a_journal_are_checked(case: str, tmp_path: Path) -> None:
    old, new, message = HOSTILE[case]
    place = tmp_path / "a"
    worked(place, 30)
    journal = re.sub(r'":(?=\S)', '": ', re.sub(r',(?=")', ", ", place.read_text()))
    assert old in journal
    place.write_text(journal.replace(old, new))
    with pytest.raises(FileFormatError) as caught:
        finished_points(open_study(str(place), "s", QUESTION, SPACE))
    number = re.findall(r"trial (\d+)", str(caught.value))
    assert str(caught.value).startswith(message.format(place=place, number=number[0] if number else ""))


def test_a_storage_that_is_none(tmp_path: Path) -> None:
    place = tmp_path / "text"
    place.write_text("not a journal\nat all\n")
    with pytest.raises(FileFormatError, match="must be a study that can be read and written"):
        open_study(str(place), "s", QUESTION, SPACE)


def test_an_unfinished_line_is_cut_off(tmp_path: Path) -> None:
    place = tmp_path / "a"
    before = points(worked(place, 5))
    whole = place.read_bytes()
    for rest in (b'{"op_code":', b'{"op_code":4,"worker_id":"x"}'):
        place.write_bytes(whole + rest)
        study = worked(place, 8)
        assert points(study)[:5] == before
        assert [json.loads(line) for line in place.read_bytes().splitlines()]
        assert open_points(study, 8) == (0, 0)


@pytest.mark.parametrize(("text", "kept"), [(b"", b""), (b"a\n", b"a\n"), (b"a\nb", b"a\n"), (b"b", b"")])
def test_only_unfinished_lines_are_cut(tmp_path: Path, text: bytes, kept: bytes) -> None:
    place = tmp_path / "file"
    place.write_bytes(text)
    cut_unfinished_line(place)
    assert place.read_bytes() == kept


def test_the_point_of_a_dead_worker_is_queued_again(tmp_path: Path) -> None:
    study = worked(tmp_path / "a", 4)
    lost = study.ask(fixed_distributions=SPACE.distributions)
    lost.set_user_attr("worker", f"{worker_name().split('/')[0]}/{ended_process()}/1")
    alive = study.ask(fixed_distributions=SPACE.distributions)
    alive.set_user_attr("worker", worker_name())
    assert open_points(study, 10) == (4, 2)
    assert requeue_abandoned(study) == 1
    assert requeue_abandoned(study) == 0
    work(study, SPACE, KEEP, 10, outcome_of)
    assert open_points(study, 10) == (0, 1)
    (again,) = [t for t in study.get_trials() if t.user_attrs.get("retry_of") == lost.number]
    assert (again.params, again.user_attrs["retries"]) == (lost.params, 1)
    assert again.state.is_finished()
    assert study.get_trials()[lost.number].state is optuna.trial.TrialState.FAIL


def test_a_point_that_ends_its_worker_is_given_up(tmp_path: Path) -> None:
    study = open_study(str(tmp_path / "a"), "s", QUESTION, SPACE)
    dead = f"{worker_name().split('/')[0]}/{ended_process()}/1"
    for _ in range(5):
        study.ask(fixed_distributions=SPACE.distributions).set_user_attr("worker", dead)
        requeue_abandoned(study)
    widest = [t for t in study.get_trials() if t.params == SPACE.starts[0]]
    assert [t.user_attrs.get("retries", 0) for t in widest] == [0, 1, 2]


def ended_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.parametrize(
    ("worker", "minutes", "expected"),
    [
        (None, 0, False),
        (None, 1, True),
        ("elsewhere/7/8", 10, False),
        ("elsewhere/7/8", 16, True),
        (worker_name(), 60, False),
        (f"{worker_name().rsplit('/', 1)[0]}/1", 0, True),  # the number of a dead process, used again
    ],
    ids=["nobody", "nobody for long", "elsewhere", "elsewhere for long", "this process", "reused number"],
)
def test_who_is_dead(worker: str | None, minutes: float, expected: bool) -> None:
    begun = datetime.now() - timedelta(minutes=minutes)
    attributes = {} if worker is None else {"worker": worker}
    assert abandoned(SimpleNamespace(datetime_start=begun, user_attrs=attributes)) is expected


def test_trials_are_counted_over_all_workers(tmp_path: Path) -> None:
    study = open_study(str(tmp_path / "a"), "s", QUESTION, SPACE)
    other = study.ask(fixed_distributions=SPACE.distributions)
    other.set_user_attr("worker", worker_name())
    work(study, SPACE, KEEP, 5, outcome_of)
    assert len(finished_points(study)) == 4
    assert open_points(study, 5) == (0, 1)


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("accuracy=0.5%", Keep("accuracy", 0.005)),
        ("spikes=.05", Keep("spikes", 0.05)),
        ("spikes = 5 %", Keep("spikes", 0.05)),
    ],
)
def test_what_to_keep(text: str, keep: Keep) -> None:
    assert Keep.parse(text) == keep


@pytest.mark.parametrize("text", ["", "accuracy", "accuracy=", "accuracy=-1%", "rate=5%", "accuracy=1e-3"])
def test_what_cannot_be_kept(text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Keep.parse(text)
    assert str(caught.value) == (
        "`--keep` must be accuracy or spikes with the share that may be lost, such as accuracy=0.5% or "
        f"spikes=5%, not `{text}`"
    )


def test_the_space_is_the_profiles() -> None:
    assert SPACE.segments == (4, 8, 16, 32, 64, 128, 256)
    assert SPACE.words["weight_bits"] == (2, 8)
    options = SPACE.options(SPACE.starts[0])
    assert (options.membrane_bits, options.table_segments) == (16, 256)
    assert os.environ.get("OPTUNA_STORAGE") is None
