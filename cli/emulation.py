"""The work of `expifref emulate`: ranges of samples, whose signals or totals go into arrays of one folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import NDArray

from expifref.exceptions import (
    DataError,
    ExpifrefError,
    MissingToolError,
    ParameterError,
    ToolError,
    UnsupportedError,
)
from expifref.network.decision import SUM
from exporters.choice import AUTO, Choice, Workload, active_share, available, choose, gpu, make
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.states import kept_signals
from quantize.run.stored import (
    Layout,
    file_names,
    manifest,
    put,
    scratch_arrays,
    take,
    totals_arrays,
    totals_layout,
    trace_layout,
    write_arrays,
)
from quantize.run.trace import SummingExecutor

from .agreement import about_inputs
from .inputs import Inputs, Source
from .jobs import Crew, Facts, Job, sample_ranges
from .output import Bar
from .ranks import form_of
from .room import Piece, piece_of, pieces, totals_of, traces_of
from .runnable import read_runnable

__all__ = ["Emulated", "EmulationJob", "Loaded", "Stage"]


@dataclass(frozen=True)
class Loaded:
    """What to emulate, and the executors that were needed so far."""

    program: Program
    digest: str
    inputs: Inputs
    signals: tuple[str, ...]  # none for totals
    made: dict[tuple[str, int | None], SummingExecutor] = field(default_factory=dict)

    @property
    def layout(self) -> Layout:
        """The arrays that are written."""
        steps, samples = self.inputs.steps, self.inputs.samples
        if self.signals:
            return trace_layout(self.program, self.signals, steps, samples)
        return totals_layout(self.program, steps, samples)

    @property
    def piece(self) -> Piece:
        """What runs at once."""
        kept = trace_layout(self.program, self.signals, 1, 1)
        return piece_of(self.inputs, self.program.graph.input.channels, kept)

    def executor(self, name: str, threads: int | None) -> SummingExecutor:
        """Made when it is first needed, which takes a second; raises what `exporters.choice.make` does."""
        if (name, threads) not in self.made:
            self.made[name, threads] = make(name, self.program, threads)
        return self.made[name, threads]


@dataclass(frozen=True)
class Stage:
    """Where the ranges run, and on what."""

    folder: Path  # of the arrays
    choice: Choice
    threads: int | None = None  # of native code; None: all cores
    told: bool = False  # whether other ranks have to be told the values


@dataclass(frozen=True)
class Emulated:
    """What is told of some samples, or of all; the values are in the files."""

    choice: Choice
    start: int
    samples: int
    saturations: Counter[str]  # of the emulator
    correct: int  # predictions that are the label, of totals with labels
    refusal: ExpifrefError | None = None  # why there is no such executor here; no sample was run then
    values: dict[str, NDArray[Any]] = field(default_factory=dict)  # rows of the arrays, where they are told


@dataclass(frozen=True)
class EmulationJob(Job[Loaded, Emulated, Emulated]):
    """What to emulate, and where to write it: an .npz file or a folder, which rank 0 does."""

    program: Path  # or a deployment file
    source: Source
    out: Path
    signals: tuple[str, ...] | None = None  # None: all
    totals: bool = False
    executor: str = AUTO
    stage: Stage | None = None  # once it is chosen

    name: ClassVar[str] = "emulate"
    unit: ClassVar[str] = "steps"
    piece: ClassVar[type[Emulated]] = Emulated

    def load(self) -> Loaded:
        """The program and its inputs.

        Raises:
            FileFormatError, DataError, ParameterError: a file or an option cannot be used.
        """
        program, digest = read_runnable(self.program)
        inputs = self.source.inputs(program)
        if self.totals and program.decision != SUM:
            raise ParameterError(
                f"`--totals` adds up all steps, but the program decides by `{program.decision}`: leave it "
                "out for all signals, or take `expifref compare` for the accuracy"
            )
        if self.totals and inputs.decision.lengths is not None:
            raise ParameterError(
                "`--totals` adds up all steps, but the samples of this data set end at different ones: leave "
                "it out for all signals, or take `expifref compare` for the accuracy"
            )
        if inputs.labels is not None and inputs.labels.dtype.kind == "f":
            inputs = replace(inputs, labels=None)  # a sum of integers is no answer in the unit of a target
        signals = () if self.totals else tuple(dict.fromkeys(kept_signals(program.graph, self.signals)))
        return Loaded(program, digest, inputs, signals)

    def about(self, loaded: Loaded) -> Facts:
        """The program, the executor that is asked for, and the inputs."""
        own = {"the program": loaded.digest, "the executor": self.executor, "the seed": self.source.seed}
        return own | about_inputs(loaded.inputs)

    def split(self, loaded: Loaded) -> list[range]:
        return sample_ranges(loaded.inputs.samples)

    def weight(self, loaded: Loaded) -> int:
        return loaded.inputs.steps

    def result(self, loaded: Loaded, crew: Crew) -> Emulated:
        """Fill the arrays and write them.

        Raises:
            FileFormatError: `out` cannot be written.
            ExpifrefError: there is no such executor, or an input value is not one of the program's port.
        """
        layout, inputs = loaded.layout, loaded.inputs
        found: list[Emulated] = []

        def fill(folder: Path) -> None:
            found.append(self._fill(loaded, crew, folder))

        if crew.group.leads:
            document = manifest(loaded.digest, layout, inputs.steps, inputs.samples)
            write_arrays(self.out, layout, document, file_names(loaded.program), fill)
        else:
            with scratch_arrays(layout) as folder:
                fill(folder)
        return found[0]

    def run(self, loaded: Loaded, part: range, report: Bar) -> Emulated:
        """Run some samples and write what is kept of them to the arrays in the folder.

        Raises:
            ParameterError, RangeError: see `exporters.choice.make`; what else it raises is the result.
            DataError: an input value is not one of the program's port.
            OSError: the files cannot be written.
        """
        stage = self._stage
        try:
            executor = loaded.executor(stage.choice.name, stage.threads)
        except (MissingToolError, ToolError, UnsupportedError) as refusal:
            return Emulated(stage.choice, part.start, 0, Counter(), 0, refusal)
        inputs, piece, correct = loaded.inputs, loaded.piece, 0
        for first in range(part.start, part.stop, piece.samples):
            rows = slice(first, min(first + piece.samples, part.stop))
            spikes = pieces(inputs, rows, piece, report)
            if loaded.signals:
                for times, traces in traces_of(executor, spikes, loaded.signals):
                    for name, values in traces.items():
                        put(stage.folder, name, (times, rows), values)
                continue
            totals = totals_of(executor, spikes)
            for name, values in totals_arrays(totals).items():
                put(stage.folder, name, (rows,), values)
            if inputs.labels is not None:
                correct += int((totals.predictions == inputs.labels[rows]).sum())
        told = take(stage.folder, slice(part.start, part.stop)) if stage.told else {}
        saturations = _take_saturations(executor)
        return Emulated(stage.choice, part.start, len(part), saturations, correct, values=told)

    def join(self, loaded: Loaded, pieces: Iterable[Emulated]) -> Emulated:
        """Take the values of other ranks, and add up the rest, up to a refusal."""
        stage = self._stage
        whole = Emulated(stage.choice, 0, 0, Counter(), 0)
        for piece in pieces:
            if piece.refusal is not None:
                return piece
            if stage.told:
                _keep(stage.folder, piece, range(whole.samples, loaded.inputs.samples))
            samples, correct = whole.samples + piece.samples, whole.correct + piece.correct
            whole = Emulated(stage.choice, 0, samples, whole.saturations + piece.saturations, correct)
        return whole

    @property
    def _stage(self) -> Stage:
        assert self.stage is not None, "`result` chooses it"
        return self.stage

    def _fill(self, loaded: Loaded, crew: Crew, folder: Path) -> Emulated:
        """By the executor that rank 0 chooses or, where a rank refuses the program, by the next one."""
        there = available()
        while True:
            chosen = self._choose(loaded, there)
            choice = crew.group.exchange("the executor", chosen, form_of(Choice))[0]
            stage = Stage(folder, choice, None if crew.processes == 1 else 1, crew.group.ranks > 1)
            found = replace(self, stage=stage).share(loaded, crew)
            if found.refusal is None:
                return found
            if self.executor != AUTO:
                raise found.refusal
            there -= {choice.name}

    def _choose(self, loaded: Loaded, there: Collection[str]) -> Choice:
        """The executor that is asked for; for `auto` the emulator or one of those in `there`."""
        if self.executor != AUTO:
            return Choice(self.executor, "it was asked for")
        inputs, piece = loaded.inputs, loaded.piece
        share = active_share(inputs.frames(slice(0, piece.samples))(slice(0, piece.steps)))
        return choose(loaded.program.graph, Workload(inputs.steps, inputs.samples, share), there, gpu())


def _keep(folder: Path, piece: Emulated, left: range) -> None:
    """Keep the values of a rank, whose names become files: DataError unless they are the next of `left`."""
    arrays = take(folder, slice(0)).items()
    wanted = {name: ((piece.samples, *array.shape[1:]), array.dtype) for name, array in arrays}
    found = {name: (part.shape, part.dtype) for name, part in piece.values.items()}
    if piece.start != left.start or piece.samples > len(left) or found != wanted:
        raise DataError("every rank must tell the totals of its samples, but one tells something else")
    for name, part in piece.values.items():
        put(folder, name, (slice(piece.start, piece.start + piece.samples),), part)


def _take_saturations(executor: SummingExecutor) -> Counter[str]:
    if not isinstance(executor, Emulator):
        return Counter()
    found = executor.saturations.copy()
    executor.saturations.clear()
    return found
