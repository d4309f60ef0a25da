"""A program and its float network side by side, all at once or part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from expifref.exceptions import DataError, ParameterError
from expifref.network.description import Description
from expifref.network.references import FloatReference
from quantize.program.program import Program
from quantize.run.batches import Batch, Batches, as_batch
from quantize.run.emulator import Emulator
from quantize.run.pieces import pieces, trace_values

from .comparison import Comparison, empty_comparison
from .divergence import FirstDivergence, Located
from .signals import compared_signals, float_traces, integer_traces, reference_traces

__all__ = ["Part", "check_part", "compare", "compare_part", "merge"]


_ROOM = 96 << 20
"""Bytes that the signals of what is compared at once may take; those of the float network come on top."""


@dataclass(frozen=True)
class Part:
    """A comparison of some of the samples, one after the other."""

    sums: Comparison
    first: Located | None  # the earliest divergence among them


def compare(
    description: Description, program: Program, batches: Batches, reference: FloatReference | None = None
) -> Comparison:
    """Run both over `batches`; what is kept does not grow with the number of samples.

    Args:
        description: the float network.
        program: made from it.
        batches: the samples.
        reference: what runs in place of `description`, such as `expifref.reference(module, description)`; the
            first divergence then has no cause, which only the description has.

    Raises:
        ParameterError: `program` does not have the layers of `description`, or `reference` is no reference.
        DataError: a label is not one of the network's classes.
    """
    if reference is not None and not isinstance(reference, FloatReference):
        raise ParameterError(
            f"`reference` must be what `expifref.reference` gives, not a {type(reference).__name__}"
        )
    part = _compared(description, program, batches, reference)
    return merge(description, program, [part], explained=reference is None)


def compare_part(description: Description, program: Program, batches: Batches, first_sample: int = 0) -> Part:
    """`compare` on samples `first_sample`, ... only, to be merged with the rest; errors as `compare`."""
    return _compared(description, program, batches, None, first_sample)


def _compared(
    description: Description,
    program: Program,
    batches: Batches,
    reference: FloatReference | None,
    first_sample: int = 0,
) -> Part:
    result = empty_comparison(description, program, first_sample)
    first = FirstDivergence(description, program, first_sample)
    emulator = Emulator(program)
    for batch in _pieces(program, batches):
        spikes = batch.spikes
        signals = emulator.run(spikes, signals=compared_signals(program)).signals
        other = integer_traces(description, program, signals)
        if reference is None:
            real = float_traces(description, spikes)
        else:
            real = reference_traces(description, reference, spikes)
        first.add(spikes, real, other)
        result.add(real, other, batch)
    result.saturations = dict(sorted(emulator.saturations.items()))
    return Part(result, first.earliest)


def check_part(description: Description, program: Program, part: Part) -> None:
    """Raise DataError unless `part`, from another process, can be one of these two networks."""
    wanted = empty_comparison(description, program)
    layers = [(layer.name, layer.width) for layer in wanted.layers]
    fits = [(layer.name, layer.width) for layer in part.sums.layers] == layers and all(
        counts.shape == (layer.width,)
        for layer in part.sums.layers
        if layer.neurons is not None
        for counts in (layer.neurons.real, layer.neurons.integer, layer.neurons.most)
    )
    errors = [score.errors for score in (part.sums.float_score, part.sums.integer_score)]
    shape = (layers[-1][1],)
    fits = fits and all(one is None or (one.answers > 0 and one.mean.shape == shape) for one in errors)
    if part.first is not None:
        step, layer, sample, neuron = part.first.place
        fits = fits and 0 <= layer < len(layers) and 0 <= neuron < layers[layer][1] and min(step, sample) >= 0
        fits = fits and part.first.spikes.shape == (step + 1, 1, program.graph.input.channels)
    if not fits:
        raise DataError("a part of a comparison must have the layers of both networks, but has others")


def _pieces(program: Program, batches: Batches) -> Iterator[Batch]:
    for batch in map(as_batch, batches):
        for rows in pieces(batch.spikes, trace_values(program), _ROOM):
            yield batch.of(rows)


def merge(
    description: Description, program: Program, parts: Iterable[Part], explained: bool = True
) -> Comparison:
    """The comparison of all samples; `parts` in their order, because sums of floats depend on it.

    The first divergence is `explained` where both sides are `description` and `program` themselves.
    """
    result: Comparison | None = None
    first = FirstDivergence(description, program)
    for part in parts:
        first.join(part.first)
        if result is None:
            result = part.sums
        else:
            result.join(part.sums)
    result = result or empty_comparison(description, program)
    # A record of another program is not explained by this one's causes.
    explained = explained and not result.differing_values
    result.first = first.explained() if explained else first.found()
    if result.differing_values:
        result.saturations = {}
    return result
