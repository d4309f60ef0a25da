"""Quantization-aware training: a trained network learns on with its integer program as the forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from expifref.data import Dataset, Samples
from expifref.files.writing import require_writable
from expifref.network.decision import SUM, Decision
from expifref.network.description import Description
from expifref.network.environment import Environment
from expifref.network.model_files import ModelFile, save_model
from expifref.network.modules import DEFAULT_RULES, Parameters
from expifref.network.scores import score_of
from expifref.neurons.gradient import GradientRules
from expifref.training.evaluation import Evaluation
from expifref.training.feeding import counted_steps, feed
from expifref.training.loop import Outcome, Step, StopReason, Task, run_task
from expifref.training.session import Session
from expifref.training.settings import TrainingSettings, check_task, default_settings
from expifref.training.step import Batch, Carry, make_optimizer, make_step
from expifref.training.train import check_fit, run_identity
from quantize.graph.bodies import output_format
from quantize.program.file import digest, save_program
from quantize.program.program import Program
from quantize.run.emulator import spiking_outputs

from .executor import JaxExecutor
from .network import QuantizedNetwork, quantized_network

__all__ = ["FinetuneResult", "FinetuneSession", "finetune", "finetune_settings"]

_BATCH = 1000
_EPOCHS = {"digits": 10}
_OTHER_EPOCHS = 3
_LEARNING_RATE = 1e-3
"""A tenth of what training from scratch takes; see docs/training.md."""


@dataclass(frozen=True)
class FinetuneSession(Session):
    """One run of a training that has a program too."""

    program_path: Path | None = (
        None  # where the program is written; by default `path` with the suffix `.json`
    )

    @property
    def program_file(self) -> Path | None:
        """Where the program is written, if it is."""
        if self.program_path is not None or self.path is None:
            return self.program_path
        return self.path.with_suffix(".json")


_ALONE = FinetuneSession()


@dataclass(frozen=True)
class FinetuneResult:
    """A network trained for its integers."""

    program: Program
    description: Description  # with exactly the weights and biases that the program has
    outcome: Outcome
    before: Evaluation  # of the program that training started from, on the test samples

    @property
    def stopped(self) -> StopReason:
        """Why the run ended."""
        return self.outcome.stopped

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers that go into the model file; test accuracy and firing rate are the program's."""
        return self.outcome.metrics


def finetune_settings(dataset: Dataset) -> TrainingSettings:
    """The settings that suit `dataset`; the penalties of plain training are off."""
    epochs = _EPOCHS.get(dataset.name, _OTHER_EPOCHS)
    return replace(default_settings(dataset), epochs=epochs, learning_rate=_LEARNING_RATE, drive_penalty=0.0)


def finetune(
    dataset: Dataset,
    model: ModelFile,
    skeleton: Program,
    settings: TrainingSettings | None = None,
    *,
    gradient: GradientRules = DEFAULT_RULES,
    session: FinetuneSession = _ALONE,
) -> FinetuneResult:
    """Train `model` so that its program keeps its accuracy; every forward pass is the program itself.

    Args:
        dataset: see `expifref.data.load`.
        model: the trained network.
        skeleton: its post-training program (`quantize.lower`); formats, tables and constants stay, weights,
            biases and multipliers are trained.
        settings: optimizer, epochs, early stop; by default those of `finetune_settings`.
        gradient: how the backward pass treats the neuron.
        session: where it is kept, whether it goes on, and who is told; by default none of it. What is kept at
            `path` is the float network with the program's weights.

    Test accuracy and firing rate are those of the program. Ctrl-C as in `expifref.training.train`.

    Raises:
        ParameterError: data set, model and program do not fit, a resumed run differs, or the loss diverged.
        RangeError: a width of the trained program cannot be proven.
        FileFormatError: a file to write or resume from cannot be used.
    """
    settings = finetune_settings(dataset) if settings is None else settings
    settings = replace(settings, decision=model.decision)
    check_task(dataset, settings)
    graph = skeleton.graph
    check_fit(dataset, skeleton.encoder, graph.input.channels, graph.units(graph.output))
    network = quantized_network(model.description, skeleton, gradient)
    beside = session.program_file
    if beside is not None:
        require_writable(beside)

    def save(
        target: Path,
        natural: Parameters,
        metrics: Mapping[str, float],
        environments: tuple[Environment, ...],
    ) -> None:
        program, description = network.lowered(natural)
        if beside is not None:
            save_program(program, beside)
        save_model(target, ModelFile(description, model.architecture, metrics, environments, model.decision))

    identity = run_identity(
        dataset, {"model": skeleton.evidence.model_sha256, "program": digest(skeleton)}, settings, gradient
    )
    d = model.description
    task = Task(
        encoder=d.encoder,
        steps=d.steps,
        dt=d.dt,
        identity=identity,
        begin=_beginning(network, settings),
        evaluate=lambda natural, samples: evaluate_program(
            network.lowered(natural)[0], samples, model.decision
        ),
        save=save,
        kernels=d.has_kernels,
    )
    outcome = run_task(task, dataset, settings, session)
    program, description = network.lowered(outcome.natural)
    before = evaluate_program(skeleton, dataset.test, model.decision)
    return FinetuneResult(program, description, outcome, before)


def evaluate_program(program: Program, samples: Samples, decision: str = SUM, seed: int = 0) -> Evaluation:
    """What `program` says about `samples` by the rule `decision` of `expifref.network.decision.RULES`."""
    executor, rasters = JaxExecutor(program.graph), tuple(spiking_outputs(program.graph).values())
    kept = tuple(dict.fromkeys((program.output_name, *rasters)))
    worth, steps = _worth(program), program.steps
    predictions: list[NDArray[Any]] = []
    fired = 0
    for first in range(0, len(samples), _BATCH):
        frames, lengths = feed(program.encoder, samples[first : first + _BATCH], program.steps, seed)
        frames = np.broadcast_to(frames, (program.steps, *frames.shape[1:]))
        signals = executor.run(frames, signals=kept).signals
        rule, output = Decision(decision, lengths), signals[program.output_name]
        predictions.append(rule.values(output * worth) if samples.real else rule.classes(output))
        fired += sum(int(signals[name].sum()) for name in rasters)
    found = np.concatenate(predictions)
    neurons = sum(program.graph.units(name) for name in spiking_outputs(program.graph))
    seconds = len(samples) * program.steps * program.dt_seconds
    score = score_of(Decision(decision, counted_steps(samples, steps)), found, samples.labels, steps)
    return Evaluation(score, fired / (neurons * seconds), found)


def _worth(program: Program) -> float:
    """What an integer of the output stands for."""
    told = output_format(program.graph.by_name[program.graph.output])
    return 1.0 if told is None else 2.0**-told.frac


def _beginning(network: QuantizedNetwork, settings: TrainingSettings) -> Callable[[int], tuple[Carry, Step]]:
    def begin(batches: int) -> tuple[Carry, Step]:
        optimizer = make_optimizer(settings, batches)
        compiled = make_step(network.run, optimizer, settings, network.description.dt)

        def step(carry: Carry, batch: Batch) -> Any:
            with jax.enable_x64(True):
                return compiled(carry, batch)

        return Carry(network.start, optimizer.init(network.start)), step

    return begin
