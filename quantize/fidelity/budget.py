"""The error budget: what each cause costs alone, and what is left without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from expifref.network.description import Description
from quantize.program.program import Program
from quantize.run.batches import Batches, as_batch

from .causes import ALL_CAUSES, Cause
from .comparison import Comparison, empty_comparison
from .hybrid import Hybrid
from .signals import float_traces, hybrid_traces

__all__ = ["RUNS", "Budget", "Share", "error_budget"]

RUNS = 2 * len(Cause) + 1
"""Hybrid runs per batch."""


@dataclass(frozen=True)
class Share:
    """One cause, against the float network."""

    cause: Cause
    alone: Comparison  # the float network with this cause only
    without: Comparison  # the program with all causes but this


@dataclass(frozen=True)
class Budget:
    """All causes of one program."""

    whole: Comparison  # with every cause: the program
    shares: tuple[Share, ...]

    @property
    def largest(self) -> Cause | None:
        """The cause without which most spike differences go away; None where no spike differs, or none helps.

        Of equal ones, the one that costs most alone.
        """
        if not self.whole.differing_spikes:
            return None
        best = min(self.shares, key=lambda s: (s.without.differing_spikes, -s.alone.differing_spikes))
        return best.cause if best.without.differing_spikes < self.whole.differing_spikes else None


def error_budget(
    description: Description,
    program: Program,
    batches: Batches,
    on_run: Callable[[int], None] = lambda _samples: None,
) -> Budget:
    """Run the float network, and `RUNS` hybrids, over `batches`.

    Args:
        on_run: called after every hybrid run with the number of its samples.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        UnsupportedError: the program forms integers that float64 does not hold.
        DataError: a label is not one of the network's classes.
    """
    chosen = (
        {frozenset({cause}) for cause in Cause} | {ALL_CAUSES - {cause} for cause in Cause} | {ALL_CAUSES}
    )
    hybrids = {on: Hybrid(description, program, on) for on in chosen}
    results = {on: empty_comparison(description, program) for on in chosen}
    for batch in map(as_batch, batches):
        real = float_traces(description, batch.spikes)
        for on, hybrid in hybrids.items():
            traces = hybrid_traces(description, program, hybrid.simulate(batch.spikes))
            results[on].add(real, traces, batch, most_trains=0)
            on_run(batch.spikes.shape[1])
    shares = tuple(Share(c, results[frozenset({c})], results[ALL_CAUSES - {c}]) for c in Cause)
    return Budget(results[ALL_CAUSES], shares)
