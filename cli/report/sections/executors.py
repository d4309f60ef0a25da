"""What ran the program, and whether every bit was that of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Sentence, Table
from cli.report.plots import DIFFERS, FLOAT, names_of, plot

__all__ = ["executors"]


def executors(facts: Facts) -> list[Part]:
    """Bars of what was compared, the table, and what was not run."""
    told = facts["executors"]
    rows = [
        (
            name,
            one["samples"],
            one["neuron_steps"],
            one["values"],
            one["differing_bits"],
            one["first_difference"] or "none",
        )
        for name, one in told.items()
    ]
    headers = ("executor", "samples", "neuron steps", "values compared", "differing bits", "first difference")
    parts: list[Part] = []
    if told:
        words = " ".join(
            f"{name}: {one['values']:,} values compared, {one['differing_bits']:,} bits differ."
            for name, one in told.items()
        )
        parts = [
            Picture(
                "executors", "Values compared with the reference; red where bits differ", _drawn(told), words
            ),
            Table("What was compared", headers, rows),
        ]
    for name, reason in {**facts.get("not_run", {}), **facts.get("refused", {})}.items():
        parts.append(Sentence(f"{name} was not run: {reason}."))
    if golden := facts.get("golden_differences"):
        parts.append(
            Sentence(f"The emulator does not give the golden trace of the program: {', '.join(golden)}.")
        )
    return parts


def _drawn(told: Mapping[str, Any]) -> Any:
    from bokeh.models import Range1d

    names = names_of(told)
    millions = [one["values"] / 1e6 for one in told.values()]
    drawn = plot(
        "values (millions)",
        "",
        100 + 26 * len(names),
        y_range=names[::-1],
        x_range=Range1d(0, 1.05 * max(millions) or 1),
    )
    colors = [DIFFERS if one["differing_bits"] else FLOAT for one in told.values()]
    drawn.hbar(y=names, right=millions, height=0.7, color=colors)
    return drawn
