"""What must hold of a study that was read from a file, before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState

from expifref.exceptions import FileFormatError
from expifref.files.limits import JOURNAL
from expifref.files.opening import open_file

from .front import read_finished
from .space import Space
from .workers import RETRIES, WORKER, split_worker

__all__ = ["NO_STUDY", "OBJECTIVES", "check_journal", "check_study"]

OBJECTIVES = ("memory_bytes", "multiply_cost", "loss")
"""What is minimised, in this order."""

NO_STUDY = (
    *(LookupError, TypeError, ValueError, AttributeError, AssertionError),
    *(ArithmeticError, RecursionError, NotImplementedError),
)
"""What Optuna raises for a journal whose lines are not what it wrote."""


def check_journal(path: Path) -> None:
    """Raise FileFormatError when there is something at `path` that is no file, or too large a one."""
    if path.exists():
        with open_file(path, JOURNAL):
            pass


def check_study(study: Any, space: Space, storage: str) -> None:
    """Raise FileFormatError for objectives or a trial that no search of `space` has made."""
    if study.directions != [StudyDirection.MINIMIZE] * len(OBJECTIVES):
        raise FileFormatError(
            f"`{storage}` must hold a study that minimises {', '.join(OBJECTIVES)}, but holds another one: "
            "give another --study or --out"
        )
    for trial in study.get_trials(deepcopy=False):
        try:
            _check_trial(trial, space)
        except NO_STUDY:
            raise FileFormatError(
                f"`{storage}` must hold trials of this search, but trial {trial.number} is none: "
                "restore the file, or give another --study or --out"
            ) from None


def _check_trial(trial: Any, space: Space) -> None:
    for point in (trial.params, trial.system_attrs.get("fixed_params", {})):
        if not all(space.holds(name, value) for name, value in point.items()):
            raise ValueError("a parameter of another search")
    if type(trial.user_attrs.get(RETRIES, 0)) is not int:
        raise TypeError("retries are counted")
    if trial.datetime_start is not None and trial.datetime_start.tzinfo is not None:
        raise ValueError("a time without a zone is what Optuna writes")
    if WORKER in trial.user_attrs:
        split_worker(trial.user_attrs[WORKER])
    if trial.state is TrialState.COMPLETE and len(trial.values) != len(OBJECTIVES):
        raise ValueError("a value for each objective")
    if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
        read_finished(trial)
