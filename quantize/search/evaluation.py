"""What a point costs and loses: lowered, run in integers, compared with float results that are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import CapacityError, ParameterError, RangeError
from expifref.files.texts import Line, as_line
from expifref.network.decision import Decision
from expifref.network.description import Description
from expifref.network.scores import Score, score_of
from hw_profiles import Profile
from quantize.device.placement import place
from quantize.fidelity.signals import float_traces
from quantize.lowering.calibration import Calibration
from quantize.lowering.lower import LoweringOptions, lower
from quantize.program.file import digest
from quantize.program.program import Program
from quantize.run.batches import Batch, Batches, as_batch
from quantize.run.emulator import spiking_outputs
from quantize.run.trace import Executor, Spikes

from .costs import multiply_cost

__all__ = ["Examples", "Keep", "Losses", "MakeExecutor", "Outcome", "evaluate", "examples", "measure"]

MakeExecutor = Callable[[Program], Executor]


@dataclass(frozen=True)
class Keep:
    """What must be kept, and how much of it may be lost."""

    measure: Literal["accuracy", "spikes"]
    limit: float

    @classmethod
    def parse(cls, text: str) -> Keep:
        """`accuracy=0.5%` or `spikes=0.05`; raises ParameterError for anything else."""
        found = re.fullmatch(r"(accuracy|spikes)=(\d+(?:\.\d*)?|\.\d+)(%?)", text.replace(" ", ""))
        if found is None:
            raise ParameterError(
                f"`--keep` must be accuracy or spikes with the share that may be lost, "
                f"such as accuracy=0.5% or spikes=5%, not `{text}`"
            )
        kind: Literal["accuracy", "spikes"] = "accuracy" if found[1] == "accuracy" else "spikes"
        return cls(kind, float(found[2]) / 100 if found[3] else float(found[2]))

    def __str__(self) -> str:
        return f"{self.measure}={100 * self.limit:g}%"


@dataclass(frozen=True)
class Examples:
    """One batch with what the float network did on it."""

    inputs: Spikes  # [steps, batch, inputs]
    labels: NDArray[np.int64]  # [batch] or [batch, values]
    decision: Decision
    spikes: tuple[NDArray[np.bool_], ...]  # of each spiking layer, [steps, batch, neurons]
    score: Score


@dataclass(frozen=True)
class Losses:
    """A program against the float network."""

    accuracy: float  # of the program
    float_accuracy: float
    spike_difference: float  # as `quantize.fidelity.Comparison.spike_difference`

    def of(self, keep: Keep) -> float:
        """The loss that `keep` limits; an accuracy that rises is a negative loss."""
        if keep.measure == "spikes":
            return self.spike_difference
        return self.float_accuracy - self.accuracy


@dataclass(frozen=True)
class Outcome:
    """What a point leads to; `refused` says why there is no program, and nothing else is set then."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    memory_bytes: int = 0  # weights, tables, constants and state as `quantize.device.placement` counts them
    multiply_cost: int = 0  # see `multiply_cost`
    losses: Losses | None = None
    digest: Line = ""
    refused: Line = ""


def examples(description: Description, batches: Batches) -> list[Examples]:
    """Run the float network once over `batches`, with labels, and keep what programs are compared with."""
    return [_example(description, as_batch(batch)) for batch in batches]


def measure(program: Program, executor: Executor, batches: Sequence[Examples]) -> Losses:
    """Run `program` over `batches` and compare spikes and predictions.

    Raises:
        ParameterError: there is no batch.
    """
    if not batches:
        raise ParameterError("a search needs at least one sample to measure on, and got none")
    rasters = tuple(spiking_outputs(program.graph).values())
    kept = tuple(dict.fromkeys((*rasters, program.output_name)))
    differing = spikes = 0
    ours, theirs = Score(), Score()
    for batch in batches:
        signals = executor.run(batch.inputs, signals=kept).signals
        for name, real in zip(rasters, batch.spikes, strict=True):
            differing += int(((signals[name] > 0) != real).sum())
            spikes += int(real.sum())
        predictions = batch.decision.classes(signals[program.output_name])
        theirs += score_of(batch.decision, predictions, batch.labels, len(batch.inputs))
        ours += batch.score
    return Losses(theirs.quality, ours.quality, differing / max(spikes, 1))


def evaluate(
    description: Description,
    calibration: Calibration,
    profile: Profile,
    options: LoweringOptions,
    batches: Sequence[Examples],
    make_executor: MakeExecutor,
) -> Outcome:
    """Lower, place and measure one point; that the profile cannot hold it is an outcome, not an error."""
    try:
        program = lower(description, calibration, profile, options)
    except (CapacityError, RangeError) as error:
        return Outcome(refused=as_line(str(error)))
    losses = measure(program, make_executor(program), batches)
    return Outcome(place(program.graph, profile).bytes, multiply_cost(program.graph), losses, digest(program))


def _example(description: Description, batch: Batch) -> Examples:
    traces = float_traces(description, batch.spikes)
    output = traces[-1].output
    if output is None or batch.labels is None:
        raise ParameterError("a network must have an output, and samples labels, for programs to be compared")
    rasters = tuple(trace.spikes for trace in traces if trace.spikes is not None)
    if batch.labels.dtype.kind == "f":
        raise ParameterError(
            "a search compares classes, and these samples have real targets: quantize instead"
        )
    score = score_of(batch.decision, batch.decision.classes(output), batch.labels, len(output))
    return Examples(batch.spikes, batch.labels, batch.decision, rasters, score)
