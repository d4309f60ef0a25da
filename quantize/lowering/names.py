"""What a program calls the layers of a network."""

from __future__ import annotations

import re

from expifref.network.description import INPUT, Description, free_name
from quantize.graph.operations import IDENTIFIER

__all__ = ["program_names"]

_TAKEN = frozenset((INPUT, "spikes"))
"""What forms of a program call its input."""

_LONGEST = 60  # of the 64 characters of an identifier: the others are for a number


def program_names(description: Description) -> dict[str, str]:
    """What the program calls the input and each layer: as the model does, where that is an identifier of
    the spec and free; else the nearest one that is."""
    layers = [layer.name for layer in description.layers]
    names = {INPUT: INPUT}
    names |= {name: name for name in layers if re.search(IDENTIFIER.pattern, name) and name not in _TAKEN}
    for name in layers:
        if name not in names:
            names[name] = free_name(_nearest(name), {*_TAKEN, *names.values()})
    return names


def _nearest(name: str) -> str:
    """`name` in lower case, with `_` for what no identifier has."""
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return (plain if plain[:1].isalpha() else f"layer_{plain}")[:_LONGEST]
