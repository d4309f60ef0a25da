"""The loop that all training shares: epochs and minibatches, early stop, storing, resume and Ctrl-C."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.data import Dataset, Samples
from expifref.data.dataset import stratified_split
from expifref.exceptions import ParameterError
from expifref.files.writing import require_writable
from expifref.network.environment import Environment, current_environment
from expifref.network.modules import Parameters

from .evaluation import Evaluation
from .feeding import feed
from .progress import EpochReport, Reporter
from .resume import Identity, TrainingState, continued, load_state, save_state
from .resume_file import resume_path
from .session import Session
from .settings import TrainingSettings
from .step import Batch, BatchResult, Carry, Step

__all__ = ["Outcome", "Step", "StopReason", "Task", "run_task"]

StopReason = Literal["finished", "accuracy reached", "no improvement", "interrupted"]

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """What is trained: everything that the loop does not know itself."""

    encoder: str
    steps: int  # time steps per sample
    dt: float  # s
    identity: Identity
    begin: Callable[[int], tuple[Carry, Step]]
    """Takes the minibatches of an epoch; gives a fresh carry and a step of (carry, batch)."""
    evaluate: Callable[[Parameters, Samples], Evaluation]
    save: Callable[[Path, Parameters, Mapping[str, float], tuple[Environment, ...]], None]
    """Writes what was trained, with its metrics and the environments it was trained in."""
    kernels: bool = False  # whether there are convolutions, whose last bits depend on the number of cores


@dataclass(frozen=True)
class Outcome:
    """What the loop comes back with."""

    natural: Parameters
    history: tuple[EpochReport, ...]
    test: Evaluation
    stopped: StopReason

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers that go into the model file."""
        return {
            **_metrics(self.history, self.test.score.errors is not None),
            **self.test.told("test"),
            "test_firing_rate_hz": self.test.firing_rate,
        }


def run_task(task: Task, dataset: Dataset, settings: TrainingSettings, session: Session) -> Outcome:
    """Train; the same arguments give the same bits in the same environment, also when a run was resumed.

    Going on in another environment or to other epochs than the stored state is told to the reporter.

    Ctrl-C ends the run after the last complete epoch, which is also what the path holds then; before the
    first one is complete, KeyboardInterrupt passes through.

    Raises:
        ParameterError: a resumed run differs, or the loss diverged.
        FileFormatError: the file to write or resume from cannot be used.
    """
    path, reporter = session.path, session.reporter
    if session.resume and path is None:
        raise ParameterError("`resume` needs the `path` of the model file to go on with")
    if path is not None:
        require_writable(path)
    run = _Run(task, dataset, settings)
    state, warnings = run.begin(path if session.resume else None)
    reporter.start(settings.epochs, len(state.history), run.batches)
    for warning in warnings:
        reporter.message(warning)
    stopped = _stop_reason(state.history, settings)
    try:
        while stopped is None:
            state = run.epoch(state, reporter)
            if path is not None:
                save_state(resume_path(path), state, task.identity)
                metrics = _metrics(state.history, dataset.train.real)
                task.save(path, state.carry.natural, metrics, state.environments)
            reporter.epoch(state.history[-1])
            stopped = _stop_reason(state.history, settings)
    except KeyboardInterrupt:
        if not state.history:
            raise
        kept = f"; {path} holds it, and resuming goes on from there" if path else ""
        reporter.message(f"interrupted: the network after epoch {len(state.history)} is kept{kept}")
        stopped = "interrupted"
    natural = state.carry.natural
    test = task.evaluate(natural, dataset.test)
    outcome = Outcome(natural, state.history, test, stopped)
    if path is not None:
        task.save(path, natural, outcome.metrics, state.environments)
    return outcome


class _Run:
    """The fixed parts of one training run."""

    def __init__(self, task: Task, dataset: Dataset, settings: TrainingSettings) -> None:
        self._task, self._dataset, self._settings = task, dataset, settings
        self._used, self._held_out = _split(dataset, settings)
        self._size = min(settings.batch_size, len(self._used))
        self.batches = len(self._used) // self._size
        self._start, self._step = task.begin(self.batches)

    def begin(self, stored: Path | None) -> tuple[TrainingState, tuple[str, ...]]:
        """The state of a fresh run, or that of the run that wrote the model `stored`, and warnings."""
        environment = current_environment(self._task.kernels)
        if stored is None:
            return TrainingState(self._start, environments=(environment,)), ()
        state = load_state(resume_path(stored), self._start, self._task.identity)
        return continued(state, environment, self._settings.epochs)

    def epoch(self, state: TrainingState, reporter: Reporter) -> TrainingState:
        """One pass over the training samples."""
        number = len(state.history) + 1
        carry = state.carry
        results: list[BatchResult] = []
        for batch in self._minibatches(number):
            carry, result = self._step(carry, batch)
            results.append(result)
            reporter.batch()
        report = self._report(number, carry, results)
        return replace(state, carry=carry, history=(*state.history, report))

    def _minibatches(self, epoch: int) -> Iterator[Batch]:
        settings, task = self._settings, self._task
        order = self._used[np.random.default_rng([settings.seed, 1, epoch]).permutation(len(self._used))]
        words = np.random.SeedSequence([settings.seed, 2, epoch]).generate_state(1, np.uint64)
        for first in range(0, self.batches * self._size, self._size):
            chosen = self._dataset.train[order[first : first + self._size]]
            frames, lengths = feed(task.encoder, chosen, task.steps, int(words[0]))
            counted = None if lengths is None else jnp.asarray(lengths)
            yield Batch(jnp.asarray(frames), jnp.asarray(chosen.labels), counted)

    def _report(self, number: int, carry: Carry, results: list[BatchResult]) -> EpochReport:
        loss, accuracy, rate = np.asarray(results, np.float64).mean(axis=0).tolist()
        if not math.isfinite(loss):
            raise ParameterError(
                f"the loss must stay finite, but was {loss} in epoch {number}; "
                "lower the learning rate (what was stored before is kept)"
            )
        held_out = None
        if self._held_out.size:
            held_out = self._task.evaluate(carry.natural, self._dataset.train[self._held_out]).accuracy
        return EpochReport(number, loss, accuracy, rate / self._task.dt, held_out)


def _metrics(history: tuple[EpochReport, ...], real: bool) -> dict[str, float]:
    last = history[-1]
    measure = "train_r2" if real else "train_accuracy"
    return {"epochs": len(history), "train_loss": last.loss, measure: last.accuracy}


def _split(dataset: Dataset, settings: TrainingSettings) -> tuple[Labels, Labels]:
    if settings.may_stop_early:
        return stratified_split(dataset.train.strata, settings.held_out_share, settings.seed)
    return np.arange(len(dataset.train)), np.arange(0)


def _stop_reason(history: tuple[EpochReport, ...], settings: TrainingSettings) -> StopReason | None:
    held_out = [report.validation_accuracy or 0.0 for report in history]
    if settings.target_accuracy is not None and held_out and held_out[-1] >= settings.target_accuracy:
        return "accuracy reached"
    if settings.patience is not None and held_out:
        best = held_out.index(max(held_out))
        if len(held_out) - 1 - best >= settings.patience:
            return "no improvement"
    return "finished" if len(history) >= settings.epochs else None
