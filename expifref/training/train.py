"""Surrogate-gradient training of the float network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from expifref.data import Dataset
from expifref.exceptions import ParameterError
from expifref.network.architecture import Architecture, initial_description, initial_scales
from expifref.network.description import Description
from expifref.network.environment import Environment
from expifref.network.model_files import ModelFile, save_model
from expifref.network.modules import DEFAULT_RULES, Parameters, Run, parameters, pure_run, with_parameters
from expifref.network.pooling import folded
from expifref.neurons.gradient import GradientRules

from .evaluation import Evaluation, Evaluator
from .feeding import inputs_of
from .loop import Outcome, Step, StopReason, Task, run_task
from .progress import EpochReport
from .session import ALONE, Session
from .settings import TrainingSettings, check_task, default_settings
from .step import Carry, make_optimizer, make_step, to_natural, to_physical

__all__ = ["StopReason", "TrainingResult", "check_fit", "run_identity", "train"]


@dataclass(frozen=True)
class TrainingResult:
    """A trained network and how it came about."""

    description: Description
    architecture: Architecture
    outcome: Outcome

    @property
    def history(self) -> tuple[EpochReport, ...]:
        """One report per epoch."""
        return self.outcome.history

    @property
    def test(self) -> Evaluation:
        """What the network says about the test samples."""
        return self.outcome.test

    @property
    def stopped(self) -> StopReason:
        """Why the run ended."""
        return self.outcome.stopped

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers that go into the model file."""
        return self.outcome.metrics


def train(
    dataset: Dataset,
    architecture: Architecture,
    settings: TrainingSettings | None = None,
    *,
    gradient: GradientRules = DEFAULT_RULES,
    session: Session = ALONE,
) -> TrainingResult:
    """Train a network on `dataset`; the same arguments give the same bits in the same environment.

    Args:
        dataset: see `expifref.data.load`.
        architecture: the network; its `inputs` and `classes` must be those of the data set.
        settings: optimizer, epochs, early stop; by default those that suit the data set.
        gradient: how the backward pass treats the neuron.
        session: where it is kept, whether it goes on, and who is told; by default none of it.

    Ctrl-C ends the run after the last complete epoch, which is also what is kept then; before the first one
    is complete, KeyboardInterrupt passes through.

    Raises:
        ParameterError: data set and architecture do not fit, a resumed run differs, or the loss diverged.
        FileFormatError: the file to write or resume from cannot be used.
    """
    settings = default_settings(dataset) if settings is None else settings
    check_fit(dataset, architecture.encoder, architecture.inputs, architecture.classes)
    check_task(dataset, settings)
    untrained = initial_description(architecture, settings.seed)
    scales = _scales(dataset, architecture, untrained.layers[-1].name)

    def run(natural: Parameters, frames: Any) -> Run:
        return pure_run(untrained, to_physical(natural, scales), frames, gradient)

    def begin(batches: int) -> tuple[Carry, Step]:
        optimizer = make_optimizer(settings, batches)
        natural = to_natural(parameters(untrained), scales)
        step = make_step(run, optimizer, settings, untrained.dt)
        return Carry(natural, optimizer.init(natural)), step

    def describe(natural: Parameters) -> Description:
        return folded(with_parameters(untrained, to_physical(natural, scales)))

    def save(
        target: Path,
        natural: Parameters,
        metrics: Mapping[str, float],
        environments: tuple[Environment, ...],
    ) -> None:
        described = describe(natural)
        save_model(target, ModelFile(described, architecture, metrics, environments, settings.decision))

    evaluator = Evaluator(untrained, scales, 0, settings.decision)
    identity = run_identity(dataset, asdict(architecture), settings, gradient)
    task = Task(
        encoder=architecture.encoder,
        steps=architecture.steps,
        dt=untrained.dt,
        identity=identity,
        begin=begin,
        evaluate=evaluator.of,
        save=save,
        kernels=untrained.has_kernels,
    )
    outcome = run_task(task, dataset, settings, session)
    return TrainingResult(describe(outcome.natural), architecture, outcome)


def _scales(dataset: Dataset, architecture: Architecture, last: str) -> dict[str, float]:
    """Those of `architecture`; where targets are real, of the `last` layer in the size of the targets."""
    scales = initial_scales(architecture)
    if not dataset.train.real:
        return scales
    size = float(np.sqrt(np.square(dataset.train.labels, dtype=np.float64).mean())) or 1.0
    return {name: scale * size if name.startswith(f"{last}.") else scale for name, scale in scales.items()}


def check_fit(dataset: Dataset, encoder: str, inputs: int, classes: int) -> None:
    """Raise ParameterError where a network of `inputs` and `classes` cannot be trained on `dataset`."""
    fitting = inputs_of(dataset, encoder), dataset.classes
    for name, wanted, found in zip(("inputs", "classes"), fitting, (inputs, classes), strict=True):
        if wanted != found:
            raise ParameterError(
                f"`{name}` of the architecture must be {wanted} for the data set {dataset.name}, not {found}"
            )


def run_identity(
    dataset: Dataset, network: Mapping[str, Any], settings: TrainingSettings, gradient: GradientRules
) -> dict[str, Any]:
    """What a run depends on, for `expifref.training.resume`; `network` says what is trained."""
    everything = {
        "digest of the data": dataset.digest,
        **network,
        **asdict(settings),
        **{f"gradient {name}": value for name, value in asdict(gradient).items()},
    }
    identity: dict[str, Any] = json.loads(json.dumps(everything))
    return identity
