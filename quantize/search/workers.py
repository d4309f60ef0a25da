"""Working on a study that others work on too, any of whom may be killed at any time.

Nothing that was finished is ever lost, since it is on disk. What a killed worker was busy with stays in the
study as running; whoever comes by next fails that trial and queues its point again. A worker on this
machine is known to be dead by its process, one on another by a trial that takes too long. If that one was
only slow, its point is measured twice, which costs time and changes nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from .evaluation import Keep, Outcome
from .front import OUTCOME, read_finished
from .space import Parameters, Space

__all__ = [
    "RETRIES",
    "WORKER",
    "abandoned",
    "open_points",
    "requeue_abandoned",
    "split_worker",
    "work",
    "worker_name",
]

WORKER, RETRIES = "worker", "retries"
"""Names of user attributes of a trial."""

_MOST_RETRIES = 2
_LONGEST_PID = 10
_LONGEST_TRIAL = timedelta(minutes=15)
"""After which a worker on another machine is taken for dead."""

_LONGEST_START = timedelta(seconds=10)
"""How long a trial may lack its worker's name, which is written right after it is begun."""

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


def worker_name() -> str:
    """This process, in words that no other process of any machine has."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_time(os.getpid())}"


def split_worker(name: object) -> tuple[str, int, str]:
    """Host, process and start of a name; raises ValueError for what is none."""
    host, pid, started = str(name).rsplit("/", 2)
    if not (pid.isascii() and pid.isdigit() and len(pid) < _LONGEST_PID):
        raise ValueError("a process is called by its number")
    return host, int(pid), started


def abandoned(trial: Any) -> bool:
    """Whether nobody works on a running trial any more."""
    age = datetime.now() - trial.datetime_start
    worker = trial.user_attrs.get(WORKER)
    if worker is None:
        return bool(age > _LONGEST_START)
    host, pid, started = split_worker(worker)
    if host != socket.gethostname():
        return bool(age > _LONGEST_TRIAL)
    return str(_start_time(pid)) != str(started)


def requeue_abandoned(study: Any) -> int:
    """Queue the points of dead workers again; returns how many trials were found abandoned."""
    found = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not abandoned(trial) or not _tell(study, trial.number, state=TrialState.FAIL):
            continue
        found += 1
        point = trial.params or trial.system_attrs.get("fixed_params")
        retries = trial.user_attrs.get(RETRIES, 0) + 1
        # A point that ends its worker each time, for want of memory, must not do so for ever.
        if point and retries <= _MOST_RETRIES:
            study.enqueue_trial(point, user_attrs={RETRIES: retries, "retry_of": trial.number})
    return found


def open_points(study: Any, trials: int) -> tuple[int, int]:
    """How many of `trials` are neither finished nor in work, and how many are in work."""
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    running = states.count(TrialState.RUNNING)
    return trials - sum(map(states.count, _FINISHED)) - running, running


def work(
    study: Any,
    space: Space,
    keep: Keep,
    trials: int,
    measure: Callable[[Parameters], Outcome],
    on_trial: Callable[[], None] = lambda: None,
) -> None:
    """Finish points until the study has `trials` of them, or all others are in work elsewhere.

    Args:
        measure: what a point leads to; see `quantize.search.evaluate`.
        on_trial: called after every trial; what it raises ends the work.
    """
    while True:
        requeue_abandoned(study)
        if open_points(study, trials)[0] <= 0:
            return
        trial = study.ask(fixed_distributions=space.distributions)
        trial.set_user_attr(WORKER, worker_name())
        if _surplus(study, trial.number, trials):
            _tell(study, trial.number, state=TrialState.FAIL)
            continue
        _finish(study, trial, keep, _known(study, trial) or measure(trial.params))
        on_trial()


def _finish(study: Any, trial: Any, keep: Keep, outcome: Outcome) -> None:
    trial.set_user_attr(OUTCOME, asdict(outcome))
    if outcome.losses is None:
        _tell(study, trial.number, state=TrialState.PRUNED)
        return
    loss = outcome.losses.of(keep)
    trial.set_constraint(keep.measure, loss - keep.limit)
    _tell(study, trial.number, values=[outcome.memory_bytes, outcome.multiply_cost, loss])


def _surplus(study: Any, number: int, trials: int) -> bool:
    """Whether the trials before this one are enough: two workers may have begun the last one at once."""
    busy = (*_FINISHED, TrialState.RUNNING)
    before = study.get_trials(deepcopy=False, states=busy)
    return len([trial for trial in before if trial.number < number]) >= trials


def _known(study: Any, trial: Any) -> Outcome | None:
    """The outcome of an earlier trial of the same point."""
    for other in study.get_trials(deepcopy=False, states=_FINISHED):
        if other.params == trial.params:
            return read_finished(other).outcome
    return None


def _tell(study: Any, number: int, **result: Any) -> bool:
    """End a trial; False when another process ended it first."""
    try:
        study.tell(number, **result)
    except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
        return False
    return True


def _start_time(pid: int) -> int | None:
    """When the process began, in ticks of the system; None when it is dead, 0 where that is not told."""
    if not Path("/proc/self/stat").exists():
        return 0 if _exists(pid) else None
    try:
        # The name of the program stands in parentheses and may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
