"""Surrogate-gradient training: epochs, early stop, checkpoint and resume."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from .architecture import Architecture, initial_description, initial_scales
from .checkpoint import ModelFile, save_model
from .data import Dataset
from .data.dataset import stratified_split
from .description import Description
from .encoders import compact_frames, get_encoder
from .evaluation import Evaluation, Evaluator
from .exceptions import ParameterError
from .files import require_writable
from .gradient import GradientRules
from .networks import DEFAULT_RULES, parameters, with_parameters
from .progress import SILENT, EpochReport, Reporter
from .resume import TrainingState, load_state, resume_path, save_state
from .training_settings import TrainingSettings, default_settings
from .training_step import (
    BatchResult,
    Carry,
    make_optimizer,
    make_step,
    to_natural,
    to_physical,
)

__all__ = ["StopReason", "TrainingResult", "train"]

StopReason = Literal["finished", "accuracy reached", "no improvement", "interrupted"]

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class TrainingResult:
    """A trained network and how it came about."""

    description: Description
    architecture: Architecture
    history: tuple[EpochReport, ...]
    test: Evaluation
    stopped: StopReason

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers that go into the model file."""
        last = self.history[-1]
        return {
            "epochs": len(self.history),
            "train_loss": last.loss,
            "train_accuracy": last.accuracy,
            "test_accuracy": self.test.accuracy,
            "test_firing_rate_hz": self.test.firing_rate,
        }


def train(
    dataset: Dataset,
    architecture: Architecture,
    settings: TrainingSettings | None = None,
    *,
    gradient: GradientRules = DEFAULT_RULES,
    reporter: Reporter = SILENT,
    path: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train a network on `dataset`; the same arguments give the same bits on the same machine.

    Args:
        dataset: see `expifref.data.load`.
        architecture: the network; its `inputs` and `classes` must be those of the data set.
        settings: optimizer, epochs, early stop; by default those that suit the data set.
        gradient: how the backward pass treats the neuron.
        reporter: is told of every minibatch and epoch.
        path: where the model file is written after every epoch, with the state for `resume` beside it.
        resume: go on from that state; the result is that of a run that was never cut.

    Ctrl-C ends the run after the last complete epoch, which is also what `path` holds then; before the
    first one is complete, KeyboardInterrupt passes through.

    Raises:
        ParameterError: data set and architecture do not fit, a resumed run differs, or the loss diverged.
        FileFormatError: the file to write or resume from cannot be used.
    """
    settings = default_settings(dataset.name) if settings is None else settings
    _check_fit(dataset, architecture)
    if resume and path is None:
        raise ParameterError("`resume` needs the `path` of the model file to go on with")
    if path is not None:
        require_writable(path)
    run = _Run(dataset, architecture, settings, gradient, path)
    state = load_state(resume_path(path), run.start, run.identity) if resume and path else run.fresh
    reporter.start(settings.epochs, len(state.history), run.batches)
    stopped = _stop_reason(state.history, settings)
    try:
        while stopped is None:
            state = run.epoch(state, reporter)
            run.store(state)
            reporter.epoch(state.history[-1])
            stopped = _stop_reason(state.history, settings)
    except KeyboardInterrupt:
        if not state.history:
            raise
        kept = f"; {path} holds it, and resuming goes on from there" if path else ""
        reporter.message(f"interrupted: the network after epoch {len(state.history)} is kept{kept}")
        stopped = "interrupted"
    return run.finish(state, stopped)


class _Run:
    """The fixed parts of one training run, compiled once."""

    def __init__(
        self,
        dataset: Dataset,
        architecture: Architecture,
        settings: TrainingSettings,
        gradient: GradientRules,
        path: Path | None,
    ) -> None:
        self._dataset, self._architecture, self._settings, self._path = dataset, architecture, settings, path
        self._used, self._held_out = _split(dataset, settings)
        self._size = min(settings.batch_size, len(self._used))
        self.batches = len(self._used) // self._size
        self._untrained = initial_description(architecture, settings.seed)
        self._scales = {
            f"{layer.name}.{part}": scale
            for layer, scale in zip(self._untrained.layers, initial_scales(architecture), strict=True)
            for part in ("weight", "bias")
        }
        optimizer = make_optimizer(settings, self.batches)
        natural = to_natural(parameters(self._untrained), self._scales)
        self.start = Carry(natural, optimizer.init(natural))
        self.fresh = TrainingState(self.start)
        self.identity = _identity(dataset, architecture, settings, gradient)
        self._step = make_step(self._untrained, self._scales, optimizer, settings, gradient)
        self._evaluator = Evaluator(self._untrained, self._scales, seed=0)

    def epoch(self, state: TrainingState, reporter: Reporter) -> TrainingState:
        """One pass over the training samples."""
        number = len(state.history) + 1
        carry = state.carry
        results: list[BatchResult] = []
        for frames, labels in self._minibatches(number):
            carry, result = self._step(carry, frames, labels)
            results.append(result)
            reporter.batch()
        report = self._report(number, carry, results)
        return TrainingState(carry, (*state.history, report))

    def store(self, state: TrainingState) -> None:
        """Write the model file and the state beside it."""
        if self._path is None:
            return
        last = state.history[-1]
        metrics = {"epochs": last.epoch, "train_loss": last.loss, "train_accuracy": last.accuracy}
        save_state(resume_path(self._path), state, self.identity)
        save_model(self._path, ModelFile(self._describe(state), self._architecture, metrics))

    def finish(self, state: TrainingState, stopped: StopReason) -> TrainingResult:
        """Evaluate on the test samples and write the last model file."""
        test = self._evaluator.of(state.carry.natural, self._dataset.test_images, self._dataset.test_labels)
        description = self._describe(state)
        result = TrainingResult(description, self._architecture, state.history, test, stopped)
        if self._path is not None:
            save_model(self._path, ModelFile(description, self._architecture, result.metrics))
        return result

    def _describe(self, state: TrainingState) -> Description:
        return with_parameters(self._untrained, to_physical(state.carry.natural, self._scales))

    def _minibatches(self, epoch: int) -> Iterator[tuple[jax.Array, jax.Array]]:
        settings, data = self._settings, self._dataset
        order = self._used[np.random.default_rng([settings.seed, 1, epoch]).permutation(len(self._used))]
        words = np.random.SeedSequence([settings.seed, 2, epoch]).generate_state(1, np.uint64)
        encoder = get_encoder(self._architecture.encoder)
        for first in range(0, self.batches * self._size, self._size):
            chosen = order[first : first + self._size]
            frames = compact_frames(
                encoder,
                data.train_images[chosen],
                self._architecture.steps,
                seed=int(words[0]),
                samples=chosen,
            )
            yield jnp.asarray(frames), jnp.asarray(data.train_labels[chosen])

    def _report(self, number: int, carry: Carry, results: list[BatchResult]) -> EpochReport:
        loss, accuracy, rate = np.asarray(results, np.float64).mean(axis=0).tolist()
        if not math.isfinite(loss):
            raise ParameterError(
                f"the loss must stay finite, but was {loss} in epoch {number}; "
                "lower the learning rate (what was stored before is kept)"
            )
        held_out = None
        if self._held_out.size:
            data = self._dataset
            images, labels = data.train_images[self._held_out], data.train_labels[self._held_out]
            held_out = self._evaluator.of(carry.natural, images, labels).accuracy
        return EpochReport(number, loss, accuracy, rate / self._untrained.dt, held_out)


def _check_fit(dataset: Dataset, architecture: Architecture) -> None:
    for name in ("inputs", "classes"):
        wanted, found = getattr(dataset, name), getattr(architecture, name)
        if wanted != found:
            raise ParameterError(
                f"`{name}` of the architecture must be {wanted} for the data set {dataset.name}, not {found}"
            )


def _split(dataset: Dataset, settings: TrainingSettings) -> tuple[Labels, Labels]:
    if settings.may_stop_early:
        return stratified_split(dataset.train_labels, settings.held_out_share, settings.seed)
    return np.arange(len(dataset.train_labels)), np.arange(0)


def _identity(
    dataset: Dataset, architecture: Architecture, settings: TrainingSettings, gradient: GradientRules
) -> dict[str, Any]:
    chosen = asdict(settings)
    del chosen["epochs"]  # a finished run may be prolonged
    everything = {
        "dataset": dataset.name,
        "samples": len(dataset.train_labels),
        **asdict(architecture),
        **chosen,
        **{f"gradient {name}": value for name, value in asdict(gradient).items()},
    }
    identity: dict[str, Any] = json.loads(json.dumps(everything))
    return identity


def _stop_reason(history: tuple[EpochReport, ...], settings: TrainingSettings) -> StopReason | None:
    held_out = [report.validation_accuracy or 0.0 for report in history]
    if settings.target_accuracy is not None and held_out and held_out[-1] >= settings.target_accuracy:
        return "accuracy reached"
    if settings.patience is not None and held_out:
        best = held_out.index(max(held_out))
        if len(held_out) - 1 - best >= settings.patience:
            return "no improvement"
    return "finished" if len(history) >= settings.epochs else None
