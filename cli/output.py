"""What commands print: one JSON object, or a short table; progress goes to stderr."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer

from expifref.files.texts import visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

__all__ = [
    "INTERRUPTED",
    "Bar",
    "live_view",
    "print_json",
    "print_line",
    "print_table",
    "print_text",
    "progress_bar",
    "rounded",
]


INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class Bar(Protocol):
    """A running progress bar."""

    def __call__(self, advance: int, note: str = "") -> None:
        """Advance by `advance` units and show `note` beside the bar."""
        ...


def print_json(result: Mapping[str, Any]) -> None:
    """Print `result` as one JSON object on stdout."""
    typer.echo(json.dumps(result, indent=2))


def print_table(title: str, rows: Sequence[Sequence[object]], headers: Sequence[str] = ()) -> None:
    """Print rows of cells under a title; numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=_as_it_is(title), title_justify="left", show_header=bool(headers), box=None, pad_edge=False
    )
    for column in range(len(rows[0]) if rows else len(headers)):
        header = _as_it_is(headers[column] if headers else "")
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(header, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_as_it_is(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    Console().print(table)


def print_text(text: str) -> None:
    """Print a sentence or a paragraph, broken at the width of the terminal."""
    # Not at hyphens: a package or an option would read as two words.
    typer.echo(textwrap.fill(visible(text), shutil.get_terminal_size().columns, break_on_hyphens=False))


def print_line(text: str, err: bool = False) -> None:
    """Print one line, however long, on stdout or stderr."""
    typer.echo(visible(text), err=err)


def rounded(value: object) -> object:
    """Floats as text with four digits; everything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else value


@contextmanager
def progress_bar(what: str, total: int, unit: str = "samples") -> Iterator[Bar]:
    """A progress bar on stderr with counts, speed and time left; silent where stderr is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit, markup=False),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    silent = not sys.stderr.isatty()
    # A bar that is disabled alone ends with an empty line in older versions of rich.
    console = Console(stderr=True, quiet=silent)
    with Progress(*columns, console=console, transient=True, disable=silent) as progress:
        task = progress.add_task(what, total=total, note="")

        def step(advance: int, note: str = "") -> None:
            progress.update(task, advance=advance, note=visible(note))

        yield step


@contextmanager
def live_view() -> Iterator[Callable[[Callable[[], RenderableType]], None]]:
    """A place on stderr where what is shown replaces what was; nothing is drawn where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _draw: None
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, refresh_per_second=15) as live:
        yield lambda draw: live.update(draw())


def _as_it_is(text: str) -> Text:
    """`text` for a table: brackets are no markup, colons no emoji, and what does not print is spelled."""
    from rich.text import Text

    return Text(visible(text))
