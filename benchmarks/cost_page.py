"""docs/cost_model.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

__all__ = ["WITHIN", "page"]

WITHIN = 2.0
"""A prediction is good where predicted / measured lies between this and its inverse."""

_NAMES = {"native": "native", "jax": "JAX", "emulator": "NumPy emulator"}

_MEANING = {
    "call": "a call",
    "layer_step": "a step of a layer, whatever the batch",
    "sample_step": "a step of a layer of one sample",
    "input": "an input value that a layer reads",
    "event": "a weight added for an active input",
    "far_event": "the same, in addition, in layers of at least 8 Mi weights",
    "mac": "a weight multiplied with an input, active or not",
    "product": "the same, again at every step",
    "weight": "a weight read and converted at a step, whatever the batch",
    "far_weight": "the same, in addition, in layers of at least 8 Mi weights",
    "neuron": "an update of a neuron",
    "trace": "a byte of signals that is returned",
    "page": "the same, in addition, where a call returns more than 60 MiB",
}

_TEXT = """\
# What a run costs

How long a run takes, and how much memory, from the shape of a network. A run takes T steps and B samples
through layers from n inputs to m neurons, of which a share d of the inputs is active. Its CPU time is a sum
of counts, each times what one costs on the machine:

| executor | products | updates | beside them, a layer |
|---|---|---|---|
| native | T B n m d *event* | T B m *neuron* | T B (*sample step* + n *input*) |
| JAX | T B n m *mac* | T B m *neuron* | T *layer step* + T B n *input* |
| NumPy emulator | T B n m *product* + T n m *weight* | T B m *neuron* | T *layer step* + T B n *input* |

and for each a *call*, and *trace* for the 8 bytes of every value that is returned: five signals of T B m
values in every spiking layer if all are asked for, else the output alone.

- **Density.** Only the native executor grows with d: an *event* takes {event_ratio:.2f} times a *mac*, so
  that its products are the cheaper ones while d is below {cheaper:.0%}.
- **Constant inputs** (the `current` encoder): native and JAX form the products of the first layer once for
  all steps, the emulator at every step.
- **The emulator** converts all weights at every step, whatever the batch. In a small network it is all
  *layer step*: {layer_step_us:.0f} microseconds for some 60 operations of NumPy.
- **Not counted** are synapses and readouts: a filter is a fraction of a neuron update.
- **Verification** costs a run with all signals of each of its executors, and reading what they return.
- **Threads and devices** share B: CPU time stays, wall time is divided while B is several times their
  number.

## Costs

Measured by `make cost-model` on {date}: {cpu}, load {load}.
All runs are on one core, three rounds through
all, the least time of each. Each cost is taken from one run that is mostly made of it, less what the others
take in it. *Far event* and *page* hold least on a busy machine. In nanoseconds:
"""

_MEMORY = """\
## Memory

Beside the program and its input, a run holds

- what it returns, 8 T B m bytes for each signal of a layer; four states of 8 B m bytes; a copy of its input,
  T B n;
- in JAX, pieces of at most 4 MiB of input and about 16 MiB of arrays, and the weights once more, wider ones
  than 8 bits as float32;
- in the native executor, a copy of the weights where a layer's neurons are no multiple of 16;
- in the emulator, 4 bytes for each of at most 2 Mi weights at once, and up to 16 states.

Nothing else grows with T: a run in chunks of T, each from the state that the one before left, needs no more
memory. The peak of NumPy's arrays in those runs that take more than 1 MB, predicted / measured, median
[smallest..largest]: {memory}.
"""


def page(document: Mapping[str, Any]) -> str:
    """The page of a `document` of cost_run.py."""
    costs = document["costs"]
    event_ratio = costs["native"]["event"] / costs["jax"]["mac"]
    text = _TEXT.format(
        date=document["date"],
        cpu=document["cpu"],
        load=document["load"],
        event_ratio=event_ratio,
        cheaper=min(1.0, 1 / event_ratio),
        layer_step_us=costs["emulator"]["layer_step"] * 1e6,
    )
    lines = [text.rstrip(), "", *_costs(costs), "", *_predictions(document["rows"])]
    return "\n".join(lines) + "\n\n" + _MEMORY.format(memory=_memory(document["rows"]))


def _costs(costs: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield f"| what | {' | '.join(_NAMES.values())} |"
    yield "|---|" + "---|" * len(_NAMES)
    for term, meaning in _MEANING.items():
        cells = (costs[name].get(term) for name in _NAMES)
        shown = ("" if cell is None else f"{cell * 1e9:,.3g}" for cell in cells)
        yield f"| *{term.replace('_', ' ')}*: {meaning} | {' | '.join(shown)} |"


def _predictions(rows: list[dict[str, Any]]) -> Iterator[str]:
    ratios = {name: [_ratio(row["executors"][name]) for row in rows] for name in _NAMES}
    everything = [ratio for found in ratios.values() for ratio in found]
    missed = sum(not 1 / WITHIN < ratio < WITHIN for ratio in everything)
    within = "all" if not missed else f"{len(everything) - missed} of {len(everything)}"
    yield "## Predictions"
    yield ""
    yield (
        f"Of {len(rows)} runs that no cost was taken from, {within} are predicted within {WITHIN:g}x. "
        "Given is predicted / measured CPU time;\neach run is in [cost_model.json](cost_model.json)."
    )
    yield ""
    yield f"| | {' | '.join(_NAMES.values())} |"
    yield "|---|" + "---|" * len(_NAMES)
    spreads = (f"{median(r):.2f} [{min(r):.2f}..{max(r):.2f}]" for r in ratios.values())
    yield f"| median [smallest..largest] | {' | '.join(spreads)} |"


def _memory(rows: list[dict[str, Any]]) -> str:
    found = []
    for name, shown in _NAMES.items():
        runs = [row["executors"][name] for row in rows if row["executors"][name]["measured_bytes"] > 1e6]
        each = [one["predicted_bytes"] / one["measured_bytes"] for one in runs]
        found.append(f"{shown} {median(each):.2f} [{min(each):.2f}..{max(each):.2f}]")
    return ", ".join(found)


def _ratio(one: Mapping[str, float]) -> float:
    return one["predicted_s"] / one["measured_s"]
