"""Facts that a report shows beside what a command finds anyway, as plain JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantize.graph.layers import Graph, LayerFeed, SegmentTable, UnitLayer, full_name
from quantize.graph.operations import Overflowed
from quantize.graph.proof import proof_of
from quantize.run.sites import look_at_sites

if TYPE_CHECKING:
    from cli.inputs import Inputs
    from expifref.network.description import Description
    from expifref.training.train import TrainingResult
    from quantize.program.program import Program

__all__ = ["budget_facts", "explained", "network_facts", "site_facts", "table_facts", "training_facts"]

_SITE_SAMPLES = 512
_BUDGET_SAMPLES = 64
_MOST_PRODUCTS = 2e10
"""Weights times steps times samples: some seconds, however large the network is."""

_TYPICAL_SAMPLES = 16


def explained(program: Program, inputs: Inputs) -> dict[str, Any]:
    """What can be told of a program and inputs alone: its network, sites, tables, and devices."""
    from .devices import device_facts

    typical = inputs.frames(slice(0, min(inputs.samples, _TYPICAL_SAMPLES)))(slice(None))
    return {
        "network": network_facts(program),
        "sites": site_facts(program.graph, inputs),
        "tables": table_facts(program.graph),
        "devices": device_facts(program, typical),
    }


def network_facts(program: Program) -> dict[str, Any]:
    """The layers, what feeds them, and every format."""
    graph = program.graph
    return {
        "encoder": program.encoder,
        "steps": program.steps,
        "dt_ms": program.dt_seconds * 1e3,
        "decision": program.decision,
        "input": {"units": graph.input.channels, "format": str(graph.input.format)},
        "layers": {layer.name: _layer(layer) for layer in graph.layers},
        "output": graph.output,
    }


def _layer(layer: UnitLayer) -> dict[str, Any]:
    return {
        "units": layer.units,
        "spikes": "spikes" in layer.signals,
        "feeds": [_feed(feed) for feed in layer.feeds],
        "states": {name: str(state.format) for name, state in layer.states.items()},
        "sites": {one.name: str(one.format) for one in layer.body if isinstance(one, Overflowed)},
        "tables": {name: str(table.format) for name, table in layer.tables.items()},
    }


def _feed(feed: LayerFeed) -> dict[str, Any]:
    connection = feed.connection
    return {
        "source": feed.source,
        "delay": feed.longest,
        "connection": type(connection).__name__.lower(),
        "sources": connection.sources,
        "weight": str(connection.weight_format),
        "accumulator": str(connection.accumulator),
    }


def site_facts(graph: Graph, inputs: Inputs) -> dict[str, Any]:
    """What came to every site on the first samples of `inputs`, against its format."""
    samples = min(inputs.samples, _SITE_SAMPLES, _affordable(graph, inputs.steps))
    found = look_at_sites(graph, (batch.spikes for batch in inputs.batches(0, samples)))
    may = {name for name, proven in proof_of(graph).results if proven.can_overflow}
    return {
        "samples": samples,
        "sites": {
            name: {
                "format": str(site.format),
                "bits": site.format.bits,
                "values": site.values,
                "outside": site.outside,
                "lowest": site.lowest,
                "highest": site.highest,
                "bits_used": site.bits_used,
                "headroom_bits": site.headroom,
                "may_saturate": name in may,
                "values_by_bits_needed": site.by_bits[: max(site.bits_used, site.format.bits) + 1].tolist(),
            }
            for name, site in found.items()
        },
    }


def _affordable(graph: Graph, steps: int) -> int:
    """How many samples of so many steps are worth the wait; one at least."""
    weights = sum(one.sources * one.units for layer in graph.layers for one in layer.connections)
    return max(int(_MOST_PRODUCTS / max(weights * steps, 1)), 1)


def table_facts(graph: Graph) -> dict[str, Any]:
    """The tables of every layer, with their largest errors."""
    return {
        full_name(layer.name, name): _table(table)
        for layer in graph.layers
        for name, table in layer.tables.items()
    }


def _table(table: SegmentTable) -> dict[str, Any]:
    return {
        "function": table.function,
        "segments": table.segments,
        "codes_per_segment": 1 << table.shift,
        "start": table.start,
        "stop": table.stop,
        "format": str(table.format),
        "bits": len(table.values) * table.format.bits,
        "max_error_lsb": table.max_error_lsb,
        "values": table.values.tolist(),
    }


def budget_facts(description: Description, program: Program, inputs: Inputs) -> dict[str, Any]:
    """The error budget on the first samples of `inputs`; where there is none, why."""
    from cli.fidelity import summarize_budget
    from expifref.exceptions import UnsupportedError
    from quantize.fidelity.budget import RUNS, error_budget

    samples = min(inputs.samples, _BUDGET_SAMPLES, _affordable(program.graph, RUNS * inputs.steps))
    try:
        return summarize_budget(error_budget(description, program, inputs.batches(0, samples)))
    except UnsupportedError as error:
        return {"not_made": str(error)}


def training_facts(result: TrainingResult) -> dict[str, Any]:
    """The epochs of a training."""
    real = result.test.score.errors is not None
    return {
        "stopped": result.stopped,
        "measure": "r2" if real else "accuracy",
        "epochs": [
            {
                "epoch": one.epoch,
                "loss": one.loss,
                "accuracy": one.accuracy,
                "held_out": one.validation_accuracy,
                "firing_rate_hz": one.firing_rate,
            }
            for one in result.history
        ],
    }
