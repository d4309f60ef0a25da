"""Which field of a profile speaks of which name in the standard bodies (`quantize.graph.bodies`).

The one place outside the lowering that knows what those names mean. A body without them is held only to what
a profile says of every input, weight, table and product.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MULTIPLIER", "OVERFLOWED", "ROUNDED", "WORDS"]

WORDS = ("drive", "membrane", "sum")
"""Signals, states or results: the field of that name and `_bits`."""

ROUNDED: Mapping[str, str] = MappingProxyType(
    {
        "scaled": "rescale",
        "leak": "filter",
        "aligned": "filter",
        "move": "membrane",
        "pull": "filter",
        "adapting": "filter",
    }
)
"""Results of `round_shift`: the field of `rounding`."""

OVERFLOWED: Mapping[str, str] = MappingProxyType(
    {
        "rescale": "drive",
        "drive": "drive",
        "filter": "filter",
        "output": "filter",
        "sum": "sum",
        "membrane": "membrane",
        "adaptation": "filter",
        "adaptation_raised": "filter",
    }
)
"""Results of `overflow`: the field of `overflow`."""

MULTIPLIER = "multiplier"
"""The constant that a device whose `rescale` only shifts has as powers of two."""
