"""What fits into the packets of a serial line."""

from __future__ import annotations

from collections.abc import Iterable

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import INPUT, Graph
from quantize.graph.proof import proof_of

__all__ = ["require_packets"]

_Limit = tuple[str, int, int]
"""What it is, how many there are, and how many there can be."""


def require_packets(graph: Graph, others: Iterable[_Limit] = ()) -> None:
    """Raise UnsupportedError where an index or a value of `graph`, or one of `others`, is too large."""
    limits = (
        ("inputs", graph.units(INPUT), 1 << 16),
        ("outputs", graph.units(graph.output), 1 << 15),
        ("bits of an output with its sign", proof_of(graph).sources[graph.output].bits, 32),
        *others,
    )
    for what, found, most in limits:
        if found > most:
            raise UnsupportedError(
                f"a packet of the serial line must hold at most {most} {what}, not {found}: "
                "export `systemverilog` or `c` and bring your own link"
            )
