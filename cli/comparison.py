"""The work of `expifref compare`: the samples in ranges, whose sums are added in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from expifref.exceptions import ParameterError
from expifref.network.description import Description
from expifref.network.digest import description_digest
from expifref.network.model_files import read_model
from quantize.fidelity import (
    Comparison,
    Part,
    Recording,
    check_part,
    compare_part,
    compare_recorded_part,
    merge,
    read_recording,
)
from quantize.program.file import digest, load_program
from quantize.program.program import Program
from quantize.run.batches import Batch

from .agreement import about_inputs, digest_of_arrays
from .inputs import Inputs, Source
from .jobs import Facts, Job, sample_ranges
from .output import Bar

__all__ = ["ComparisonJob", "Loaded"]


@dataclass(frozen=True)
class Loaded:
    """What to compare."""

    description: Description
    program: Program
    inputs: Inputs
    recording: Recording | None = None  # instead of what the program gives


@dataclass(frozen=True)
class ComparisonJob(Job[Loaded, Part, Comparison]):
    """What to compare."""

    model: Path
    program: Path
    source: Source
    trace: Path | None = None

    name: ClassVar[str] = "compare"
    piece: ClassVar[type[Part]] = Part

    def load(self) -> Loaded:
        """Read the files.

        Raises:
            ParameterError: the program was not made from the model.
            DataError, FileFormatError: a file cannot be used, or the recording has other samples.
        """
        model, program = read_model(self.model), load_program(self.program)
        description, rule = model.description, model.decision
        if program.evidence.model_sha256 != description_digest(description):
            raise ParameterError(
                f"`{self.program}` must be made from `{self.model}`, but was made from another model: "
                "quantize this one"
            )
        if self.trace is None:
            return Loaded(description, program, self.source.inputs(program).decided_by(rule))
        recording = read_recording(self.trace, program)
        inputs = self.source.inputs(program, recording.samples).decided_by(rule)
        recording.check_samples(inputs.samples)
        return Loaded(description, program, inputs, recording)

    def about(self, loaded: Loaded) -> Facts:
        """The networks, the inputs and the recording."""
        signals = {} if loaded.recording is None else loaded.recording.signals
        return {
            "the model": loaded.program.evidence.model_sha256,
            "the program": digest(loaded.program),
            "the seed": self.source.seed,
            **about_inputs(loaded.inputs),
            "the recorded signals": ", ".join(signals) or "none",
            "the digest of the recorded signals": digest_of_arrays(signals.values()),
        }

    def split(self, loaded: Loaded) -> list[range]:
        return sample_ranges(loaded.inputs.samples)

    def run(self, loaded: Loaded, part: range, report: Bar) -> Part:
        """Compare some samples."""
        networks, batches = (loaded.description, loaded.program), _counted(loaded.inputs, part, report)
        if loaded.recording is None:
            return compare_part(*networks, batches, part.start)
        return compare_recorded_part(*networks, loaded.recording, batches, part.start)

    def join(self, loaded: Loaded, pieces: Iterable[Part]) -> Comparison:
        """Check what ranks tell, and add it up."""
        parts = []
        for piece in pieces:
            check_part(loaded.description, loaded.program, piece)
            parts.append(piece)
        return merge(loaded.description, loaded.program, parts)


def _counted(inputs: Inputs, part: range, report: Bar) -> Iterator[Batch]:
    for batch in inputs.batches(part.start, part.stop):
        yield batch
        report(batch.spikes.shape[1])
