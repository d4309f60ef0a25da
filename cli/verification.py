"""The work of `expifref verify`: ranges of samples through all executors, the probes with the first one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from expifref.exceptions import DataError
from exporters.executors import (
    EXECUTORS,
    Executors,
    all_executors,
    are_boards,
    can_be_required,
    make_executors,
    sample_limits,
)
from exporters.tools import tools_are_required
from exporters.verification import Terms, Verification, merge, verify
from hw_profiles import Profile, parse_profile
from quantize.program.file import digest, load_program
from quantize.program.program import Program
from quantize.run.trace import Executor

from .agreement import about_inputs, named_with_files
from .inputs import Inputs, Source
from .jobs import Crew, Facts, Job, sample_ranges
from .output import Bar
from .ranks import Group, form_of
from .verification_report import EMULATOR

__all__ = ["Loaded", "VerificationJob", "agreed_executors"]


@dataclass(frozen=True)
class Loaded:
    """What to verify; executors are built when they are first needed."""

    program: Program
    inputs: Inputs
    names: tuple[str, ...] | None  # of the executors; None: all that there are
    reference_name: str

    @cached_property
    def built(self) -> Executors:
        """The executors."""
        if self.names is None:
            return all_executors(self.program, self._profile)
        return Executors(make_executors(self.names, self.program, self._profile), {}, {})

    @cached_property
    def reference(self) -> Executor | None:
        """What they must equal; None for the emulator."""
        if self.reference_name == EMULATOR:
            return None
        return make_executors([self.reference_name], self.program, self._profile)[self.reference_name]

    @property
    def _profile(self) -> Profile:
        return parse_profile(self.program.evidence.profile, "the profile in the program")


@dataclass(frozen=True)
class VerificationJob(Job[Loaded, Verification, Verification]):
    """What to verify; without executors, all that rank 0 has the tools for."""

    program: Path
    source: Source
    executors: tuple[str, ...] | None = None
    reference: str = EMULATOR

    name: ClassVar[str] = "verify"
    piece: ClassVar[type[Verification]] = Verification

    def load(self) -> Loaded:
        """Read the program and its inputs.

        Raises:
            DataError, FileFormatError, ParameterError: a file or an option cannot be used.
        """
        program = load_program(self.program)
        return Loaded(program, self.source.inputs(program), self.executors, self.reference)

    def about(self, loaded: Loaded) -> Facts:
        """The program, what runs it, and the inputs."""
        known = (*EXECUTORS, EMULATOR)
        return {
            "the program": digest(loaded.program),
            "the executor": "auto" if self.executors is None else named_with_files(self.executors, known),
            "the reference": named_with_files((self.reference,), known),
            "the seed": self.source.seed,
            "the data set": "none" if self.source.dataset is None else "given",
            **about_inputs(loaded.inputs),
        }

    def split(self, loaded: Loaded) -> list[range]:
        return sample_ranges(loaded.inputs.samples)

    def result(self, loaded: Loaded, crew: Crew) -> Verification:
        """Run the executors of rank 0 in all ranks, or what is compared would depend on the machines."""
        if self.executors is not None:
            found = self.share(loaded, crew)
        else:
            names = agreed_executors(loaded, crew.group)
            here = loaded if crew.group.leads else replace(loaded, names=names)
            found = replace(self, executors=names).share(here, crew)
            if crew.group.leads:
                found.not_run, found.refused = loaded.built.missing, loaded.built.refused
        found.all_required = tools_are_required() and any(map(can_be_required, found.not_run))
        return found

    def run(self, loaded: Loaded, part: range, report: Bar) -> Verification:
        """Compare some samples; the probes are run with the first of them."""
        executors = loaded.built.made
        return verify(
            loaded.program,
            executors,
            (batch.spikes for batch in loaded.inputs.batches(part.start, part.stop)),
            Terms(
                limits={name: max(most - part.start, 0) for name, most in sample_limits(executors).items()},
                probe=part.start == 0,
                reference=loaded.reference,
                first_sample=part.start,
                output_only=are_boards(executors),
            ),
            lambda what, done: report(done if what == "data set" else 0, what),
        )

    def join(self, loaded: Loaded, pieces: Iterable[Verification]) -> Verification:
        """Add up what is told of the executors that all run."""
        names, parts = set(self.executors or loaded.built.made), []
        for piece in pieces:
            if set(piece.executors) != names:
                raise DataError("every rank must run the same executors, but one tells of others")
            parts.append(piece)
        return merge(parts)


def agreed_executors(loaded: Loaded, group: Group) -> tuple[str, ...]:
    """Those that rank 0 has; raises DataError where it names others than that."""
    here = tuple(loaded.built.made) if group.leads else ()
    chosen = group.exchange("the executors", here, form_of(tuple[str, ...]))[0]
    # A name could be that of a file.
    if not group.leads and not (chosen and set(chosen) <= set(EXECUTORS)):
        raise DataError("rank 0 must choose executors that are known, but names others")
    return chosen
