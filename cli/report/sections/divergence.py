"""The first spike that one side has and the other has not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.fidelity import describe_divergence
from cli.report.parts import Facts, Part, Picture, Sentence
from cli.report.plots import FLOAT, INTEGER, OTHER, plot

__all__ = ["divergence"]

_AFTER = 4
"""Steps that are drawn beyond the one that differs."""


def divergence(facts: Facts) -> list[Part]:
    """A sentence, and the membrane of the neuron until shortly after."""
    first = facts["first_divergence"]
    told: list[Part] = [Sentence(describe_divergence(first))]
    traces = facts.get("traces")
    if first is None or traces is None or first["step"] >= traces["steps"]:
        return told
    layer = next(one for one in traces["layers"] if one["name"] == first["layer"])
    sample, neuron = traces["samples"].index(first["sample"]), layer["neurons"].index(first["neuron"])
    both = {
        side: layer["value"][side][sample][neuron][: first["step"] + 1 + _AFTER]
        for side in ("float", "integer")
    }
    last = {side: values[first["step"]] for side, values in both.items()}
    words = (
        f"The membrane of neuron {first['neuron']} of {first['layer']} in sample {first['sample']}, in mV. "
        f"In step {first['step']}, where they part, "
        f"it is {last['float']:.4g} in float and {last['integer']:.4g} in integers."
    )
    return [
        *told,
        Picture("divergence", "The neuron that differs first", _drawn(both, first, traces["dt_ms"]), words),
    ]


def _drawn(both: Mapping[str, list[float]], first: Mapping[str, Any], dt_ms: float) -> Any:
    from bokeh.models import Span

    drawn = plot("time (ms)", "membrane (mV)", 260)
    for side, color, width in (("float", FLOAT, 5), ("integer", INTEGER, 2)):
        values = both[side]
        time = [step * dt_ms for step in range(len(values))]
        drawn.line(
            time,
            values,
            color=color,
            line_width=width,
            line_alpha=0.55 if width > 2 else 1.0,
            legend_label=side,
        )
        drawn.scatter(time, values, color=color, size=width + 3, legend_label=side)
    drawn.add_layout(
        Span(location=first["step"] * dt_ms, dimension="height", line_color=OTHER, line_dash="dashed")
    )
    return drawn
