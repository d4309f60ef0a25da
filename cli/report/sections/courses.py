"""Spikes of both sides over each other, and membrane and drive of one neuron; page.js puts the values in."""

from __future__ import annotations

from typing import Any

from cli.report.parts import Choices, Facts, Part, Picture, Sentence
from cli.report.plots import DIFFERS, FLOAT, INTEGER, OTHER, plot

__all__ = ["courses"]


def courses(facts: Facts) -> list[Part]:
    """A raster, a membrane and a drive with one axis of time."""
    told = facts["traces"]
    kept = [f"{len(one['neurons'])} of {one['units']} units of {one['name']}" for one in told["layers"]]
    words = (
        "Three pictures over time. Above: rings are spikes of the float network, dots are spikes "
        "of the integer "
        "program, crosses are spikes that only one of them has. Below: the membrane of one "
        "neuron, or the value of "
        "a readout, and its drive, on both sides. The line "
        "is the chosen step, which the text above tells in words."
    )
    return [
        Sentence(
            f"Samples {', '.join(map(str, told['samples']))} of those compared, {told['steps']} steps; "
            f"{', '.join(kept)}. A tool above a picture zooms; a tap on a name hides it."
        ),
        Choices(),
        Picture("courses", "Both sides over time", _drawn(told), words),
    ]


def _drawn(told: dict[str, Any]) -> Any:
    from bokeh.layouts import column
    from bokeh.models import Range1d

    last = (told["steps"] - 1) * told["dt_ms"]
    margin = told["dt_ms"] / 2
    time = Range1d(-margin, last + margin, bounds=(-margin, last + margin))
    raster = plot("time (ms)", "neuron", 300, x_range=time)
    for name, marker, size, color in (
        ("float", "circle", 11, FLOAT),
        ("integer", "dot", 16, INTEGER),
        ("differs", "x", 13, DIFFERS),
    ):
        raster.scatter(
            "x",
            "y",
            source=_source(f"raster-{name}"),
            marker=marker,
            size=size,
            line_color=color,
            fill_color=None if marker == "circle" else color,
            line_width=2 if marker == "x" else 1,
            legend_label="only one side" if marker == "x" else name,
        )
    lines = [_lines("value", "membrane (mV)", time), _lines("drive", "drive (mV)", time)]
    for drawn in (raster, *lines):
        _mark_step(drawn)
    return column(raster, *lines, sizing_mode="stretch_width")


def _lines(key: str, label: str, time: Any) -> Any:
    drawn = plot("time (ms)", label, 220, x_range=time, name=key)
    drawn.line(
        "x",
        "y",
        source=_source(f"{key}-float"),
        color=FLOAT,
        line_width=5,
        line_alpha=0.55,
        legend_label="float",
    )
    drawn.line(
        "x", "y", source=_source(f"{key}-integer"), color=INTEGER, line_width=2, legend_label="integer"
    )
    return drawn


def _source(name: str) -> Any:
    from bokeh.models import ColumnDataSource

    return ColumnDataSource({"x": [], "y": []}, name=name)


def _mark_step(drawn: Any) -> None:
    from bokeh.models import Span

    drawn.add_layout(
        Span(location=0, dimension="height", line_color=OTHER, line_dash="dashed", tags=["step"])
    )
