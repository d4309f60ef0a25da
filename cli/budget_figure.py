"""The error budget as a picture: what each cause costs alone, and what is left without it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from .figure_text import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from quantize.fidelity import Budget, Comparison

__all__ = ["draw_budget"]

_BAR, _LARGEST, _WHOLE = "#8d99ae", "#c0392b", "#2b2d42"


def draw_budget(budget: Budget, profile: str, path: Path) -> None:
    """Write the picture to `path` (PNG)."""
    # The figure is built without pyplot, which would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from expifref.files.writing import write_bytes

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    alone, without = figure.subplots(1, 2, sharex=True, sharey=True)
    _bars(alone, budget, [share.alone for share in budget.shares], "float network with this cause alone")
    _bars(without, budget, [share.without for share in budget.shares], "program without this cause")
    alone.invert_yaxis()
    figure.legend(*alone.get_legend_handles_labels(), loc="outside lower center", fontsize=9, frameon=False)
    whole = budget.whole
    figure.suptitle(
        f"Where the spikes go ({caption(profile)}, {whole.samples:,} samples): "
        f"{whole.spike_difference:.2%} differ, {whole.agreement:.2%} of predictions agree"
    )
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def _bars(axes: Axes, budget: Budget, results: list[Comparison], title: str) -> None:
    names = [share.cause.value for share in budget.shares]
    colors = [_LARGEST if share.cause is budget.largest else _BAR for share in budget.shares]
    values = [100 * result.spike_difference for result in results]
    whole = 100 * budget.whole.spike_difference
    axes.axvline(whole, color=_WHOLE, linewidth=1, linestyle="--", label="the program, all causes", zorder=1)
    bars = axes.barh(names, values, color=colors, zorder=2)
    for label in axes.bar_label(bars, [f"{value:.2f} %" for value in values], padding=4, fontsize=8):
        label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    axes.set_xlim(0, 1.18 * max(whole, *values) or 1.0)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("spikes that differ (% of the float network's)")
