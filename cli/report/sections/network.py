"""The network as a graph: layers from left to right, feeds between them, formats at every site."""

from __future__ import annotations

from typing import Any

from cli.figure_text import caption
from cli.report.parts import Facts, Part, Picture, Table
from cli.report.plots import FLOAT, INTEGER, OTHER, plot

__all__ = ["network"]

_WIDE, _HIGH = 0.72, 0.62


def network(facts: Facts) -> list[Part]:
    """The graph, and a table of all formats."""
    told = facts["network"]
    feeds = [(layer, feed) for layer, one in told["layers"].items() for feed in one["feeds"]]
    layers = ", ".join(
        f"{name} with {one['units']:,} {'neurons' if one['spikes'] else 'units'}"
        for name, one in told["layers"].items()
    )
    wires = "; ".join(
        f"{feed['source']} feeds {layer}{_late(feed)} by {_wires(feed)} {feed['weight']}"
        for layer, feed in feeds
    )
    words = (
        f"The input has {told['input']['units']:,} values in {told['input']['format']}, "
        f"then come {layers}. {wires}. "
        "A format s16.8 has a sign, 16 bits, 8 of them behind the point; u has no sign."
    )
    rows: list[tuple[object, ...]] = [("input", "", "input", told["input"]["format"])]
    for name, one in told["layers"].items():
        rows += [
            (name, _wires(feed), f"from {feed['source']}{_late(feed)}", feed["weight"])
            for feed in one["feeds"]
        ]
        rows += [
            (name, "accumulator", f"from {feed['source']}", feed["accumulator"]) for feed in one["feeds"]
        ]
        for kind in ("sites", "states", "tables"):
            rows += [(name, kind.removesuffix("s"), site, fmt) for site, fmt in one[kind].items()]
    return [
        Picture("network", "Layers and what feeds them", _drawn(told), words),
        Table("Every format", ("layer", "kind", "name", "format"), rows),
    ]


def _wires(feed: dict[str, Any]) -> str:
    return "weights" if feed["connection"] == "dense" else f"weights of a {feed['connection']}"


def _late(feed: dict[str, Any]) -> str:
    return f" (delay {feed['delay']})" if feed["delay"] else ""


def _drawn(told: dict[str, Any]) -> Any:
    from bokeh.models import ColumnDataSource, Range1d

    places = {name: index for index, name in enumerate(["input", *told["layers"]])}
    drawn = plot("", "", 340, x_range=Range1d(-0.5, len(places) - 0.5), y_range=Range1d(-1.25, 1.25))
    drawn.axis.visible = drawn.grid.visible = False
    drawn.min_width = 145 * len(places)
    boxes = [_box(name, told) for name in places]
    source = ColumnDataSource(
        {key: [box[key] for box in boxes] for key in boxes[0]} | {"x": list(places.values())}
    )
    drawn.rect(
        "x", 0, _WIDE, 2 * _HIGH, source=source, fill_color="color", fill_alpha=0.18, line_color="color"
    )
    drawn.text(
        "x", 0, "text", source=source, text_align="center", text_baseline="middle", text_font_size="11px"
    )
    for layer, one in told["layers"].items():
        for feed in one["feeds"]:
            _feed(drawn, places[feed["source"]], places[layer], feed)
    return drawn


def _box(name: str, told: dict[str, Any]) -> dict[str, str]:
    if name == "input":
        units, formats, color = told["input"]["units"], {"value": told["input"]["format"]}, OTHER
    else:
        one = told["layers"][name]
        units, formats, color = one["units"], one["sites"], INTEGER if one["spikes"] else FLOAT
    lines = [name, f"{units:,} units", *(f"{site} {fmt}" for site, fmt in formats.items())]
    return {"text": "\n".join(map(caption, lines)), "color": color}


def _feed(drawn: Any, start: int, end: int, feed: dict[str, Any]) -> None:
    """A straight arrow to the next layer; every other one is bent over or under the boxes."""
    from bokeh.models import Arrow, NormalHead

    if end == start + 1:
        way, height = [(start + _WIDE / 2, 0.0), (end - _WIDE / 2, 0.0)], 0.06
    else:
        side = 1 if end > start else -1
        height = side * (_HIGH + 0.2 + 0.1 * min(abs(end - start), 3))
        # A layer that feeds itself comes back beside where it left.
        left, right = start + 0.12 * (-1 if end > start else 1), end + 0.12 * (1 if end < start else -1)
        way = [(left, side * _HIGH), (left, height), (right, height), (right, side * _HIGH)]
        drawn.line(*zip(*way, strict=True), color=OTHER)
    (x0, y0), (x1, y1) = way[-2:]
    head = NormalHead(size=8, fill_color=OTHER, line_color=OTHER)
    drawn.add_layout(Arrow(end=head, x_start=x0, y_start=y0, x_end=x1, y_end=y1, line_color=OTHER))
    late = f", {feed['delay']} late" if feed["delay"] else ""
    text = caption(f"{feed['weight']}{late}")
    drawn.text(
        [(start + end) / 2],
        [height],
        [text],
        text_align="center",
        text_baseline="bottom" if height > 0 else "top",
        text_font_size="11px",
    )
