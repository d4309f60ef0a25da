"""Facts of a tiny network for the tests of reports: everything that a section may show."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cli.fidelity import summarize as summarize_comparison
from cli.inputs import Inputs
from cli.report.facts import budget_facts, explained
from cli.report.traces import trace_facts
from cli.verification_report import summarize as summarize_verification
from exporters.executors import make_executors
from exporters.verification import verify
from hw_profiles import load_profile
from quantize.fidelity import compare
from tests.networks import lowered, network, spike_input

__all__ = ["every_fact", "facts_of", "recorded"]


def recorded(spikes: np.ndarray[Any, Any]) -> Inputs:
    """Inputs with labels."""
    labels = np.arange(spikes.shape[1]) % 3
    return Inputs(len(spikes), spikes.shape[1], lambda rows: lambda times: spikes[times, rows], labels)


@cache
def _text() -> str:
    description = network(lags=(1,))
    program, spikes = lowered(description, "generic-8bit"), spike_input(description, batch=6)
    inputs = recorded(spikes)
    comparison = summarize_comparison(compare(description, program, inputs.batches(0, 6)))
    assert comparison["first_divergence"] is not None
    executors = make_executors(["deployment"], program, load_profile("generic-8bit"))
    facts = {
        "dataset": "random",
        "profile": "generic-8bit",
        "program": "sha256:" + 64 * "0",
        **comparison,
        "warnings": ["layer0 is too loud"],
        **summarize_verification(verify(program, executors, [spikes])),
        "not_run": {"verilator": "it is not installed"},
        "measured": {
            "cortex-m4": {"instructions": {"layer0": {"each neuron update": 48.06}}, "state_bytes": 1560}
        },
        "seconds": {"train": 1.25},
        **explained(program, inputs),
        "one_step_lsb": {"layer0.drive": {"mean": -0.1, "rms": 0.4, "largest": 2.0}},
        "budget": budget_facts(description, program, inputs),
        "training": {
            "stopped": "finished",
            "measure": "accuracy",
            "epochs": [
                {
                    "epoch": n,
                    "loss": 1 / n,
                    "accuracy": 1 - 0.5 / n,
                    "held_out": None,
                    "firing_rate_hz": 90.0 + n,
                }
                for n in (1, 2, 3)
            ],
        },
        "question": {"keep": "accuracy=0.5%"},
        "trials": [
            _trial(0, 900, 0.2, False),
            _trial(1, 700, 0.001, True),
            {"trial": 2, "parameters": {}, "refused": "x"},
        ],
        "front": [_trial(1, 700, 0.001, True)],
    }
    traces = trace_facts(description, program, inputs, comparison["first_divergence"])
    return json.dumps(facts | {"traces": traces})


def every_fact() -> dict[str, Any]:
    """The facts of every section, each time anew."""
    facts: dict[str, Any] = json.loads(_text())
    return facts


def facts_of(page: Path) -> dict[str, Any]:
    """The facts that a page embeds."""
    (found,) = re.findall(r'id="report">(.*?)</script>', page.read_text(encoding="utf-8"))
    facts: dict[str, Any] = json.loads(found)
    return facts


def _trial(number: int, size: int, loss: float, kept: bool) -> dict[str, Any]:
    return {
        "trial": number,
        "parameters": {"weight_bits": 4},
        "memory_bytes": size,
        "multiply_cost": 10 * size,
        "loss": loss,
        "kept": kept,
        "program": f"program-{number}.json",
        "test": {"accuracy": 0.9},
        "verification": {"executors": {"jax": {"differing_bits": 0}}},
    }
