"""What each cause costs alone, and what is left without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.report.parts import Facts, Part, Picture, Sentence, Table
from cli.report.plots import FLOAT, INTEGER, OTHER, plot

__all__ = ["budget"]


def budget(facts: Facts) -> list[Part]:
    """Bars, and the numbers behind them."""
    told = facts["budget"]
    if "not_made" in told:
        return [Sentence(f"There is no error budget: {told['not_made']}.")]
    whole, causes = told["whole"]["spike_difference"], told["causes"]
    largest = told["largest"]
    most = "No single cause stands out." if largest is None else f"The largest share is due to {largest}."
    words = (
        f"Over {told['samples']:,} samples {whole:.2%} of the spikes differ. {most} "
        + "The dashed line is the program, with all causes. "
        + " ".join(
            f"{name}: {one['alone']['spike_difference']:.2%} alone, "
            f"{one['without']['spike_difference']:.2%} without it."
            for name, one in causes.items()
        )
    )
    rows = [
        (name, *(cell for part in ("alone", "without") for cell in _cells(one[part])))
        for name, one in causes.items()
    ]
    headers = ("cause", "alone: spikes", "agree", "mV", "without: spikes", "agree", "mV")
    return [
        Picture("budget", "Spikes that differ, by cause", _drawn(causes, whole), words),
        Table(
            "Spikes that differ, predictions that agree, and membrane RMSE",
            headers,
            [("the program", "", "", "", *_cells(told["whole"])), *rows],
        ),
    ]


def _cells(cost: Mapping[str, float]) -> tuple[str, str, str]:
    return (
        f"{cost['spike_difference']:.2%}",
        f"{cost['prediction_agreement']:.2%}",
        f"{cost['membrane_rmse_mv']:.3f}",
    )


def _drawn(causes: Mapping[str, Any], whole: float) -> Any:
    from bokeh.models import Range1d, Span

    names = list(causes)
    most = max(
        whole, *(one[part]["spike_difference"] for one in causes.values() for part in ("alone", "without"))
    )
    drawn = plot(
        "% of the spikes",
        "",
        60 + 44 * len(names),
        y_range=names[::-1],
        x_range=Range1d(0, 105 * most or 1),
    )
    for place, (part, label, color) in enumerate(
        (("alone", "float with this alone", FLOAT), ("without", "program without it", INTEGER))
    ):
        rows = [(name, 0.19 - 0.38 * place) for name in names]
        values = [100 * one[part]["spike_difference"] for one in causes.values()]
        drawn.hbar(y=rows, right=values, height=0.34, color=color, legend_label=label)
    drawn.add_layout(Span(location=100 * whole, dimension="height", line_color=OTHER, line_dash="dashed"))
    return drawn
