"""What a search works on, in words that another process can be told, and loaded once in each."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .samples import Feed, calibration_batches, encoded_samples

if TYPE_CHECKING:
    from expifref.data import Dataset
    from expifref.network.description import Description
    from expifref.network.model_files import ModelFile
    from hw_profiles import Profile
    from quantize.lowering.calibration import Calibration
    from quantize.lowering.lower import LoweringOptions
    from quantize.program.program import Program
    from quantize.run.trace import Executor
    from quantize.search import Examples, Keep, Outcome, Question, Space

__all__ = ["SearchJob", "Setup", "set_up"]

_FEWEST_SAMPLES = 64
"""Training samples that calibration leaves over from which points are measured on those alone."""

_WORTH_COMPILING = 1e9
"""Weights added for one point from which native code is quicker, its second of compiling included."""


@dataclass(frozen=True)
class SearchJob:
    """The question, and the study that answers it."""

    model: Path
    profile: str
    dataset: str
    data_dir: Path | None
    keep: str
    samples: int
    seed: int
    trials: int
    storage: str
    study: str
    workers: int


@dataclass(frozen=True)
class Setup:
    """Everything that a point is measured with."""

    job: SearchJob
    keep: Keep
    model: ModelFile
    profile: Profile
    data: Dataset
    calibration: Calibration
    space: Space
    first: int  # training sample
    batches: list[Examples]  # training samples, with what the float network does on them

    @property
    def description(self) -> Description:
        """The network."""
        return self.model.description

    @property
    def samples(self) -> int:
        """How many samples points are measured on."""
        return sum(len(batch.labels) for batch in self.batches)

    @property
    def question(self) -> Question:
        """What the study asks."""
        from expifref.network.digest import description_digest
        from quantize.program.sealed import canonical_digest
        from quantize.search import Question

        return Question(
            description_digest(self.description),
            self.profile.name,
            canonical_digest(self.profile.document),
            self.data.name,
            self._samples_sha256(),
            self.samples,
            str(self.keep),
            self.job.seed,
        )

    def _samples_sha256(self) -> str:
        state = hashlib.sha256()
        for batch in self.batches:
            state.update(batch.inputs.tobytes())
            state.update(batch.labels.tobytes())
        return state.hexdigest()

    def join(self) -> Any:
        """Open the study, or begin it."""
        from quantize.search import open_study

        return open_study(self.job.storage, self.job.study, self.question, self.space)

    def measure(self, params: Any) -> Outcome:
        """What the point `params` leads to."""
        from quantize.search import evaluate

        options = self._options(params)
        return evaluate(
            self.description, self.calibration, self.profile, options, self.batches, self.executor
        )

    def lower(self, params: Any) -> Program:
        """The program of a point that was measured before."""
        from quantize.lowering.lower import lower

        return lower(self.description, self.calibration, self.profile, self._options(params))

    def _options(self, params: Any) -> LoweringOptions:
        return replace(self.space.options(params), decision=self.model.decision)

    def executor(self, program: Program, samples: int | None = None) -> Executor:
        """The quickest way to run `program` on `samples` samples."""
        from exporters.executors import missing_executors
        from quantize.run.emulator import Emulator

        work = self.description.weights * self.description.steps * (samples or self.samples)
        if work < _WORTH_COMPILING or "native" in missing_executors():
            return Emulator(program)
        from exporters.native.executor import NativeExecutor

        threads = max(1, len(os.sched_getaffinity(0)) // self.job.workers)
        return NativeExecutor(program.graph, threads)

    @cached_property
    def tests(self) -> list[Examples]:
        """All test samples; nothing that a search decides depends on them."""
        from quantize.search import examples

        return examples(self.description, encoded_samples(self.data.test, _feed(self.model, self.job.seed)))


@cache
def set_up(job: SearchJob) -> Setup:
    """Load and calibrate, as `expifref quantize` does, and run the float network; errors as there."""
    from expifref.data import load
    from expifref.network.model_files import read_model
    from hw_profiles import load_profile
    from quantize.lowering.calibration import calibrate
    from quantize.search import Keep, Space, examples

    keep = Keep.parse(job.keep)
    model, profile = read_model(job.model), load_profile(job.profile)
    description = model.description
    space = Space.of(profile)
    data = load(job.dataset, job.data_dir, seed=job.seed)
    calibration = calibrate(description, calibration_batches(data, description, job.seed))
    left = len(data.train) - calibration.samples
    first = calibration.samples if left >= _FEWEST_SAMPLES else 0
    training = data.train[first : first + job.samples]
    batches = examples(description, encoded_samples(training, _feed(model, job.seed)))
    return Setup(job, keep, model, profile, data, calibration, space, first, batches)


def _feed(model: ModelFile, seed: int) -> Feed:
    return Feed(model.description.encoder, model.description.steps, seed, model.decision)
