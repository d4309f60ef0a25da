"""What a page must know of a program to feed it and to show it."""

from __future__ import annotations

from typing import Any

from expifref.encoders import ENCODERS
from expifref.network.decision import RULES, SUM
from exporters.c.signals import output_place, told
from exporters.c.words import notation
from quantize.graph.layers import full_name
from quantize.program.program import Program
from quantize.run.emulator import spiking_outputs

from .recordings import Shown

__all__ = ["facts"]


def facts(program: Program, shown: Shown) -> dict[str, Any]:
    """Numbers and names alone: no free text of a program is among them.

    `signals` are in the order of the module's trace, and other entries count in it.
    """
    graph = program.graph
    rows = told(graph)
    places = {row.name: place for place, row in enumerate(rows)}
    spiking = spiking_outputs(graph)
    formats = {
        full_name(layer.name, name): notation(state.format)
        for layer in graph.layers
        for name, state in layer.states.items()
    }
    return {
        # Whoever made the program in memory may have written anything there.
        "encoder": program.encoder if program.encoder in ENCODERS else None,
        "decision": program.decision if program.decision in RULES else SUM,
        "steps": program.steps,
        "milliseconds": 1e3 * program.dt_seconds,
        "input": {
            "channels": graph.input.channels,
            "least": graph.input.format.lo,
            "largest": graph.input.format.hi,
            "side": shown.side,
        },
        "signals": [
            {"name": row.name, "units": row.units, "format": formats.get(row.name, "")} for row in rows
        ],
        "output": output_place(graph),
        "layers": [
            {"name": layer.name, "units": layer.units, "spikes": places.get(spiking.get(layer.name, ""))}
            for layer in graph.layers
        ],
    }
