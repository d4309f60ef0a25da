"""Are all executors of a program the same? Every signal of every step, no tolerance."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from expifref.exceptions import ParameterError
from quantize.graph.layers import Graph
from quantize.numbers.arrays import Integers
from quantize.program.program import Program
from quantize.run.emulator import Emulator, spiking_outputs
from quantize.run.pieces import pieces, trace_values
from quantize.run.probes import Probe, probes
from quantize.run.trace import Execution, Executor, Spikes

__all__ = [
    "Difference",
    "ExecutorResult",
    "Terms",
    "Verification",
    "differing_bits",
    "merge",
    "verify",
]

Progress = Callable[[str, int], None]
"""Called with what was run and how many samples that were."""


@dataclass(frozen=True)
class Difference:
    """The first value in which an executor differs from the emulator."""

    stimulus: str
    step: int
    sample: int
    signal: str
    neuron: int
    expected: int
    found: int

    def __str__(self) -> str:
        return (
            f"{self.signal}[{self.neuron}] at step {self.step} of sample {self.sample} ({self.stimulus}) "
            f"must be {self.expected}, not {self.found}"
        )


@dataclass
class ExecutorResult:
    """What was compared for one executor."""

    samples: int = 0  # of the data set
    neuron_steps: int = 0  # neurons x steps x samples, probes included
    values: int = 0
    differing_bits: int = 0
    first: Difference | None = None

    def add(self, other: ExecutorResult) -> None:
        """Add what was compared after this."""
        self.samples += other.samples
        self.neuron_steps += other.neuron_steps
        self.values += other.values
        self.differing_bits += other.differing_bits
        self.first = self.first or other.first


@dataclass
class Verification:
    """All executors against the reference, which is the emulator unless another was asked for."""

    executors: dict[str, ExecutorResult] = field(default_factory=dict)
    not_run: dict[str, str] = field(default_factory=dict)  # executor -> why
    refused: dict[str, str] = field(default_factory=dict)  # executor -> what it cannot run in this program
    all_required: bool = False  # whether an executor that did not run is a failure

    @property
    def passed(self) -> bool:
        """Whether something was compared and no bit differs anywhere."""
        results = self.executors.values()
        complete = not (self.all_required and self.not_run)
        return complete and bool(results) and all(r.values > 0 and r.differing_bits == 0 for r in results)


@dataclass(frozen=True)
class Terms:
    """How much is compared, and with what."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """Executor -> most data-set samples it is given (slow ones); no entry means all."""
    probe: bool = True
    """Also run the probes of `quantize.run.probes`, which see single wrong bits that data may not."""
    reference: Executor | None = None
    """What the others must equal; None is the emulator."""
    first_sample: int = 0
    """Number of the first sample in the data set."""
    output_only: frozenset[str] = frozenset()
    """Executors that tell nothing but the output, from the initial state on: no probe is for them."""


def verify(
    program: Program,
    executors: Mapping[str, Executor],
    batches: Iterable[Spikes],
    terms: Terms | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Run everything through the reference and through each of `executors`, and compare all signals.

    Args:
        batches: the data set, each `[steps, batch, inputs]`.
        progress: called after each batch and probe.
    """
    terms = terms or Terms()
    bench = _Bench(program.graph, terms.reference or Emulator(program), executors)
    report = progress or (lambda _what, _samples: None)
    for spikes in (batch[:, rows] for batch in batches for rows in pieces(batch, trace_values(program))):
        bench.check_samples(spikes, terms)
        report("data set", spikes.shape[1])
    for item in probes(program.graph) if terms.probe else ():
        bench.check_probe(item, terms.output_only)
        report(item.purpose, item.spikes.shape[1])
    return bench.result


def merge(parts: Iterable[Verification]) -> Verification:
    """One verification of several ranges of samples, in their order."""
    whole = Verification()
    for part in parts:
        for name, entry in part.executors.items():
            whole.executors.setdefault(name, ExecutorResult()).add(entry)
    return whole


def differing_bits(expected: Integers, found: Integers) -> int:
    """Number of bits in which two int64 arrays differ."""
    if np.array_equal(expected, found):  # most often so, and many times faster
        return 0
    return int(np.bitwise_count((expected ^ found).view(np.uint64)).sum(dtype=np.int64))


@dataclass
class _Bench:
    """The executors beside the reference. No trace is kept while the next ones are made."""

    graph: Graph
    reference: Executor
    executors: Mapping[str, Executor]
    result: Verification = field(init=False)

    def __post_init__(self) -> None:
        self.result = Verification({name: ExecutorResult() for name in self.executors})

    def check_samples(self, spikes: Spikes, terms: Terms) -> None:
        expected = self.reference.run(spikes)
        for name, executor in self.executors.items():
            entry = self.result.executors[name]
            left = terms.limits.get(name, spikes.shape[1] + entry.samples) - entry.samples
            count = min(left, spikes.shape[1])
            if count <= 0:
                continue
            wanted, place = _first_samples(expected, count), terms.first_sample + entry.samples
            told = [self.graph.output_signal] if name in terms.output_only else None
            if told is not None:
                wanted = Execution({one: wanted.signals[one] for one in told}, {})
            found = executor.run(spikes[:, :count], signals=told)
            _compare(self.graph, entry, "data set", wanted, found, place)
            entry.samples += count

    def check_probe(self, probe: Probe, without: Collection[str]) -> None:
        expected = self.reference.run(probe.spikes, probe.state)
        for name, executor in self.executors.items():
            if name in without:
                continue
            entry = self.result.executors[name]
            _compare(self.graph, entry, probe.purpose, expected, executor.run(probe.spikes, probe.state), 0)


def _first_samples(execution: Execution, count: int) -> Execution:
    return Execution(
        {name: trace[:, :count] for name, trace in execution.signals.items()},
        {name: value[:count] for name, value in execution.state.items()},
    )


def _compare(
    graph: Graph,
    entry: ExecutorResult,
    stimulus: str,
    expected: Execution,
    found: Execution,
    first_sample: int,
) -> None:
    _require_same_form("signal", expected.signals, found.signals)
    _require_same_form("state", expected.state, found.state)
    for name, trace in expected.signals.items():
        entry.values += trace.size
        entry.differing_bits += differing_bits(trace, found.signals[name])
    for name, value in expected.state.items():
        entry.values += value.size
        entry.differing_bits += differing_bits(value, found.state[name])
    steps, batch = next(iter(expected.signals.values())).shape[:2]
    neurons = sum(graph.by_name[name].units for name in spiking_outputs(graph))
    entry.neuron_steps += steps * batch * neurons
    if entry.first is None and entry.differing_bits:
        entry.first = _first_difference(graph, stimulus, expected, found, first_sample)


def _require_same_form(what: str, expected: Mapping[str, Integers], found: Mapping[str, Integers]) -> None:
    for name, values in expected.items():
        if name not in found:
            raise ParameterError(f"an executor must give every {what} of the program, but has no `{name}`")
        if found[name].shape != values.shape:
            raise ParameterError(
                f"an executor must give the {what} `{name}` in the shape {list(values.shape)}, "
                f"not {list(found[name].shape)}"
            )


def _first_difference(
    graph: Graph, stimulus: str, expected: Execution, found: Execution, first_sample: int
) -> Difference | None:
    """The earliest differing value: by step, then in the order in which a step computes its signals."""
    best: tuple[int, int, int, int, str] | None = None
    for order, name in enumerate(name for name in graph.signal_units if name in expected.signals):
        places = np.argwhere(expected.signals[name] != found.signals[name])
        if not len(places):
            continue
        step, sample, neuron = (int(i) for i in places[0])
        if best is None or (step, order) < best[:2]:
            best = (step, order, sample, neuron, name)
    if best is None:
        return None
    step, _, sample, neuron, name = best
    where = (step, sample, neuron)
    return Difference(
        stimulus,
        step,
        first_sample + sample,
        name,
        neuron,
        int(expected.signals[name][where]),
        int(found.signals[name][where]),
    )
