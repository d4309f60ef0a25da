"""The tables that stand for functions, and by how much they are off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Sentence, Table
from cli.report.plots import plot

__all__ = ["tables"]

_COLORS = ("#4c8fd6", "#e0662b", "#3a9d5d", "#b05fc4", "#b58900", "#d6336c")


def tables(facts: Facts) -> list[Part]:
    """Their courses, sizes and largest errors, which were measured at every code of the domain."""
    told = facts["tables"]
    if not told:
        return [Sentence("The program has no tables.")]
    words = " ".join(
        f"{name}: {one['segments']} segments of {one['codes_per_segment']} codes "
        f"from {one['start']} to {one['stop']}, "
        f"off by {one['max_error_lsb']:.3g} LSB at most."
        for name, one in told.items()
    )
    headers = (
        "table",
        "function",
        "segments",
        "codes each",
        "from",
        "to",
        "entry",
        "bits",
        "largest error (LSB)",
    )
    rows = [
        (
            name,
            one["function"],
            one["segments"],
            one["codes_per_segment"],
            one["start"],
            one["stop"],
            one["format"],
            one["bits"],
            f"{one['max_error_lsb']:.4g}",
        )
        for name, one in told.items()
    ]
    drawn = dict(list(told.items())[: len(_COLORS)])
    return [
        Picture("tables", "Values of the tables", _drawn(drawn), words),
        Table("Tables and their errors", headers, rows),
    ]


def _drawn(told: Mapping[str, Any]) -> Any:
    drawn = plot("code that is looked up", "% of the largest value", 280)
    for (name, one), color in zip(told.items(), _COLORS, strict=False):
        most = max(map(abs, one["values"])) or 1
        codes = [one["start"] + place * one["codes_per_segment"] for place in range(len(one["values"]))]
        values = [100 * value / most for value in one["values"]]
        drawn.line(codes, values, color=color, line_width=2, legend_label=name)
    return drawn
