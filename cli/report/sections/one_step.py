"""The errors of one step from the float state, in LSB of each site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Table
from cli.report.plots import FLOAT, names_of, plot

__all__ = ["one_step"]


def one_step(facts: Facts) -> list[Part]:
    """Bars of the root mean square, and the numbers."""
    told = facts["one_step_lsb"]
    words = "Every step starts from the float network's state. " + " ".join(
        f"{site}: {one['rms']:.3g} LSB root mean square, {one['mean']:.3g} on average."
        for site, one in told.items()
    )
    rows = [(site, *(f"{one[key]:.3g}" for key in ("mean", "rms", "largest"))) for site, one in told.items()]
    return [
        Picture("one_step", "Root mean square of the error", _drawn(told), words),
        Table("Errors of one step, in LSB", ("site", "mean", "RMS", "largest"), rows),
    ]


def _drawn(told: Mapping[str, Any]) -> Any:
    from bokeh.models import Range1d

    names = names_of(told)
    values = [one["rms"] for one in told.values()]
    drawn = plot(
        "LSB",
        "",
        100 + 26 * len(names),
        y_range=names[::-1],
        x_range=Range1d(0, 1.05 * max(values, default=1) or 1),
    )
    drawn.hbar(y=names, right=values, height=0.7, color=FLOAT)
    return drawn
