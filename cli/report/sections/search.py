"""Every point of a search by memory and loss, and the front."""

from __future__ import annotations

from typing import Any

from cli.report.parts import Facts, Part, Picture, Sentence, Table
from cli.report.plots import FLOAT, INTEGER, OTHER, plot

__all__ = ["search"]


def search(facts: Facts) -> list[Part]:
    """The points, and the programs of the front."""
    trials, front = facts["trials"], facts["front"]
    measured = [one for one in trials if "refused" not in one]
    kept = sum(one["kept"] for one in measured)
    question = facts["question"]
    words = (
        f"{len(trials)} points: {kept} keep {question['keep']}, "
        f"{len(trials) - len(measured)} cannot be lowered, "
        f"{len(front)} are in the front of memory, multiplies and loss. "
        + " ".join(
            f"Trial {one['trial']}: {one['memory_bytes']:,} bytes, loss {one['loss']:.2%}." for one in front
        )
    )
    if not measured:
        return [Sentence(words)]
    headers = ("trial", "program", "bytes", "multiplies", "loss", "test accuracy", "words", "differing bits")
    rows = [
        (
            one["trial"],
            one["program"],
            one["memory_bytes"],
            one["multiply_cost"],
            f"{one['loss']:.2%}",
            f"{one['test']['accuracy']:.2%}",
            ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in one["parameters"].items()),
            sum(entry["differing_bits"] for entry in one["verification"]["executors"].values()),
        )
        for one in front
    ]
    return [
        Picture("search", "Memory against loss", _drawn(measured, front), words),
        Table("The front", headers, rows),
    ]


def _drawn(measured: list[dict[str, Any]], front: list[dict[str, Any]]) -> Any:
    from bokeh.models import HoverTool, NumeralTickFormatter

    drawn = plot("memory (bytes)", "loss, training samples (%)", 360)
    best = {one["trial"] for one in front}
    groups = (
        ("loses too much", OTHER, 6, [one for one in measured if not one["kept"]]),
        ("keeps enough", FLOAT, 7, [one for one in measured if one["kept"] and one["trial"] not in best]),
        ("front", INTEGER, 11, front),
    )
    for label, color, size, group in groups:
        columns = {
            "x": [one["memory_bytes"] for one in group],
            "y": [100 * one["loss"] for one in group],
            "trial": [one["trial"] for one in group],
        }
        drawn.scatter("x", "y", source=columns, size=size, color=color, legend_label=label)
    drawn.add_tools(HoverTool(tooltips=[("trial", "@trial"), ("bytes", "@x{0,0}"), ("loss", "@y{0.00} %")]))
    drawn.xaxis.formatter = NumeralTickFormatter(format="0,0")
    drawn.xaxis.ticker.desired_num_ticks = 4
    return drawn
