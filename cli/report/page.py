"""A report as one HTML file: nothing is loaded from anywhere, and no text in it is anything but text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from expifref.files.texts import visible

from .parts import Facts, Picture
from .sections import SECTIONS

__all__ = ["page", "write_page"]

_BESIDE = ("traces",)
"""Facts that are drawn, and are no part of the report."""

_IDS = ("id", "root_id")
"""Under these keys Bokeh writes which part of a picture is meant."""


def write_page(path: Path, title: str, facts: Facts, traces: Mapping[str, Any] | None = None) -> None:
    """Write the page of `facts` to `path`, whole or not at all; errors as `page`.

    Args:
        traces: of `cli.report.traces`.
    """
    from expifref.files.writing import write_text

    write_text(path, page(title, facts if traces is None else {**facts, "traces": traces}))


def page(title: str, facts: Facts) -> str:
    """The sections whose facts are there, and the facts themselves, which the page shows and embeds."""
    from bokeh.embed import json_item
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    sections = [
        {"name": one.name, "title": one.title, "parts": one.make(facts)}
        for one in SECTIONS
        if all(key in facts for key in one.needs)
    ]
    pictures = {
        part.name: _renumbered(json_item(part.model, f"picture-{part.name}"), {})
        for section in sections
        for part in section["parts"]
        if isinstance(part, Picture)
    }
    report = {key: value for key, value in facts.items() if key not in _BESIDE}
    data = {"report": report, "traces": facts.get("traces"), "pictures": pictures}
    template = Environment(autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True)
    rendered: str = template.from_string(_file("page.html")).render(
        title=title,
        sections=sections,
        style=Markup(_file("page.css")),
        library=Markup(_library()),
        script=Markup(_file("page.js")),
        data={name: Markup(_script_json(value)) for name, value in data.items()},
    )
    return rendered


def _renumbered(value: Any, ids: dict[str, str]) -> Any:
    """A picture whose parts are numbered from 1, so that the same facts give the same page."""
    if isinstance(value, list):
        return [_renumbered(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    # Texts of a picture are no keys here: Bokeh writes mappings as lists of pairs.
    return {
        key: ids.setdefault(item, f"p{len(ids) + 1}") if key in _IDS else _renumbered(item, ids)
        for key, item in value.items()
    }


def _shown(value: object) -> object:
    """Numbers with commas; of texts all that does not print spelled out."""
    from markupsafe import Markup

    if isinstance(value, Markup):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return visible(value) if isinstance(value, str) else value


def _script_json(value: object) -> str:
    """JSON in which HTML sees nothing: within a script only `</` and `<!--` would mean something."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _library() -> str:
    """The script of Bokeh without its widgets and tables, which no picture here has."""
    from bokeh.resources import Resources

    return "\n".join(Resources(mode="inline", components=["bokeh"], log_level="error").js_raw)
