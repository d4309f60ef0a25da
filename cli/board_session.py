"""The work of `expifref board`: samples step by step on a board, each output beside the emulator's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from exporters.board.executor import BoardExecutor
from exporters.verification import differing_bits
from quantize.numbers.arrays import Integers
from quantize.program.program import Program
from quantize.run.batches import Batch, classes_of
from quantize.run.emulator import Emulator, spiking_outputs

from .inputs import Inputs

__all__ = ["Moment", "Played", "Session", "play"]


@dataclass(frozen=True)
class Moment:
    """What is known after a step."""

    sample: int
    samples: int
    steps: int
    label: str
    output: Integers  # of the board so far, [steps, units]
    binary: bool  # whether that is spikes
    activity: Mapping[str, Integers]  # spikes or events a step of the whole sample, the emulator's, [steps]
    differing_bits: int  # so far, of all samples


@dataclass(frozen=True)
class Played:
    """One sample; what was decided is a text, empty where there is no one class."""

    number: int
    label: str
    board: str
    emulator: str
    differing_bits: int

    @property
    def row(self) -> list[object]:
        """The cells of a table."""
        return [self.number, self.label, self.board, self.emulator, self.differing_bits]

    @property
    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; None where there is no class or label."""
        decided = {"label": self.label, "board": self.board, "emulator": self.emulator}
        return {
            "sample": self.number,
            **{name: int(text) if text else None for name, text in decided.items()},
            "differing_bits": self.differing_bits,
        }


@dataclass
class Session:
    """All samples."""

    steps: int
    outputs: int
    samples: list[Played] = field(default_factory=list)
    first: str | None = None  # the first difference, as a sentence
    seconds: float = 0.0

    @property
    def differing_bits(self) -> int:
        """Over all samples."""
        return sum(sample.differing_bits for sample in self.samples)

    @property
    def summary(self) -> dict[str, Any]:
        """Names and numbers."""
        count = len(self.samples)
        right = [sample.board == sample.label for sample in self.samples if sample.board and sample.label]
        return {
            "samples run": count,
            "outputs compared": count * self.steps * self.outputs,
            "differing bits": self.differing_bits,
            **({"decisions that are the label": sum(right)} if right else {}),
            "steps a second": round(count * self.steps / max(self.seconds, 1e-9), 1),
        }


def play(program: Program, board: BoardExecutor, inputs: Inputs, show: Callable[[Moment], None]) -> Session:
    """Run all `inputs`, and show every step.

    Raises:
        BoardError: the board is silent, refuses a step, or says what is no answer.
    """
    graph, start = program.graph, monotonic()
    session = Session(inputs.steps, graph.units(graph.output))
    for batch in inputs.batches(0, inputs.samples):
        done = Emulator(program).run(batch.spikes)
        for place in range(batch.spikes.shape[1]):
            one = batch.of(slice(place, place + 1))
            signals = {name: trace[:, place] for name, trace in done.signals.items()}
            _play_one(board, one, signals, inputs.samples, (session, show))
    session.seconds = monotonic() - start
    return session


def _play_one(
    board: BoardExecutor,
    one: Batch,
    signals: Mapping[str, Integers],
    samples: int,
    told: tuple[Session, Callable[[Moment], None]],
) -> None:
    graph, (session, show) = board.graph, told
    expected, label = signals[graph.output_signal], _label(one)
    hidden = {layer: name for layer, name in spiking_outputs(graph).items() if name in signals}
    activity = {"input": np.count_nonzero(one.spikes[:, 0], axis=1).astype(np.int64)}
    activity |= {layer: signals[name].sum(axis=1) for layer, name in hidden.items()}
    before, number, bits = session.differing_bits, len(session.samples), 0
    found = np.zeros_like(expected)
    for step, output in enumerate(board.steps(one.spikes[:, 0])):
        found[step] = output
        bits += differing_bits(expected[step], output)
        so_far = found[: step + 1]
        show(Moment(number, samples, len(expected), label, so_far, board.binary, activity, before + bits))
    if session.first is None:
        session.first = next(_differences(number, graph.output_signal, expected, found), None)
    session.samples.append(Played(number, label, _decided(one, found), _decided(one, expected), bits))


def _differences(number: int, name: str, expected: Integers, found: Integers) -> Iterator[str]:
    for step, unit in np.argwhere(expected != found):
        yield (
            f"{name}[{unit}] at step {step} of sample {number} must be {expected[step, unit]}, "
            f"but is {found[step, unit]} on the board"
        )


def _label(one: Batch) -> str:
    classes = classes_of(one.labels)
    return "" if classes is None else str(int(classes[0]))


def _decided(one: Batch, output: Integers) -> str:
    return "" if one.decision.over_time else str(int(one.decision.classes(output[:, None])[0]))
