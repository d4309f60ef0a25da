"""A search as a picture: memory against loss of every point, the front, and the limit."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from .figure_text import caption

if TYPE_CHECKING:
    from quantize.search import Keep, Point

__all__ = ["draw_front"]

_OTHER, _KEPT, _FRONT, _LIMIT = "#c3c8d1", "#6b7f9e", "#c0392b", "#2b2d42"


def draw_front(points: list[Point], front: list[Point], keep: Keep, title: str) -> bytes:
    """The picture as PNG."""
    # The figure is built without pyplot, which would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    figure = Figure(figsize=(9, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    chosen = {point.number for point in front}
    groups = {
        f"beyond {keep}": (_OTHER, 22, [p for p in points if not p.kept(keep)]),
        f"within {keep}": (_KEPT, 26, [p for p in points if p.kept(keep) and p.number not in chosen]),
        "front (in memory, multiplies and loss)": (_FRONT, 52, front),
    }
    for order, (label, (color, size, group)) in enumerate(groups.items()):
        found = [(p.outcome.memory_bytes, p.outcome.losses.of(keep)) for p in group if p.outcome.losses]
        memory, loss = [m for m, _ in found], [one for _, one in found]
        axes.scatter(memory, loss, s=size, color=color, label=label, linewidths=0, zorder=2 + order)
    axes.axhline(keep.limit, color=_LIMIT, linewidth=1, linestyle="--", zorder=1)
    axes.text(1, keep.limit, f" {keep}", transform=axes.get_yaxis_transform(), va="center", fontsize=8)
    # Far beyond the limit there is nothing to choose from, and a linear axis would show little else.
    axes.set_yscale("symlog", linthresh=max(2 * keep.limit, 1e-3))
    losses = [p.outcome.losses.of(keep) for p in points if p.outcome.losses]
    axes.set_ylim(bottom=min(0.0, *losses, -keep.limit) - 0.1 * keep.limit)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:,.0f}"))
    axes.set(xlabel="memory (bytes)", ylabel=f"loss of {_what(keep)} on training samples")
    axes.set_title(caption(title), fontsize=11)
    axes.legend(loc="best", fontsize=9, framealpha=0.9)
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=130, metadata={"Software": None})
    return picture.getvalue()


def _what(keep: Keep) -> str:
    return "accuracy" if keep.measure == "accuracy" else "spikes (share that differs)"
