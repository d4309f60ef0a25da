"""Drawings of a report in one style: nothing of a fixed background, so that page.js can make them dark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli.figure_text import caption

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["DIFFERS", "FLOAT", "INTEGER", "OTHER", "names_of", "plot"]

FLOAT, INTEGER, OTHER, DIFFERS = "#4c8fd6", "#e0662b", "#8a929e", "#d6336c"
"""Colours that are seen on white and on black, also by those who see no red and green."""

_LONGEST = 24


def plot(x: str, y: str, height: int = 320, **options: Any) -> figure:
    """An empty drawing as wide as the page, which a finger scrolls past until a tool is chosen.

    What has a `legend_label` is named above it, where names hide nothing; a click on a name hides it.
    """
    from bokeh.models import Legend
    from bokeh.plotting import figure

    drawn = figure(
        x_axis_label=caption(x),
        y_axis_label=caption(y),
        height=height,
        sizing_mode="stretch_width",
        tools="pan,box_zoom,wheel_zoom,reset,save",
        active_drag=None,
        active_scroll=None,
        toolbar_location="right",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        **options,
    )
    drawn.toolbar.logo = None
    drawn.grid.grid_line_alpha = 0.25
    legend = Legend(
        orientation="horizontal",
        location="top_left",
        click_policy="hide",
        background_fill_alpha=0.0,
        border_line_alpha=0.0,
        padding=2,
        margin=2,
        label_text_font_size="11px",
    )
    drawn.add_layout(legend, "above")
    return drawn


def names_of(rows: Iterable[str]) -> list[str]:
    """Names along an axis for `rows`: short, and no two alike."""
    names: list[str] = []
    for row in rows:
        name = caption(row if len(row) <= _LONGEST else f"...{row[3 - _LONGEST :]}")
        names.append(f"{name} ({len(names) + 1})" if name in names else name)
    return names
