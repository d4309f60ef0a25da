"""What the command line makes of a command that a page has, without doing anything."""

from __future__ import annotations

import re
import shlex
from typing import Any

from typer.main import get_command

from cli.main import app

__all__ = ["NAMES", "is_whole", "understood"]

NAMES = tuple(get_command(app).commands)  # type: ignore[attr-defined] # a click group
"""Of all commands."""

_PLACEHOLDER = re.compile(r"(\w+:)?[A-Z_]{1,}(\.\w+)?(=[A-Z]+)?")


def is_whole(words: list[str]) -> bool:
    """Whether a reader could paste it: it says what to do with what, and has no placeholder as `NAME`."""
    if len(words) < 3 or any(_PLACEHOLDER.fullmatch(word) for word in words):
        return False
    return not _complaint(words)


def understood(text: str, *, whole: bool = True) -> None:
    """Raise AssertionError unless `text` is a command; unless `whole`, unless it and its options are known."""
    words = shlex.split(text, comments=True)
    if whole:
        complaint = _complaint(words)
        assert not complaint, f"`{text}`: {complaint}"
        return
    command, rest, _context = _command(words)
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = {word for word in rest if word.startswith("--")} - options - {"--help"}
    assert not unknown, f"`{text}`: {command.name} has no option {', '.join(unknown)}"


def _command(words: list[str]) -> tuple[Any, list[str], Any]:
    """The command that `words`, which begin with `expifref`, name, what is left of them, and its parent."""
    command: Any = get_command(app)
    context, rest = None, words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("--"):
        assert rest[0] in command.commands, f"`{shlex.join(words)}`: no command {rest[0]}"
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest, context


def _complaint(words: list[str]) -> str:
    command, rest, context = _command(words)
    try:
        command.make_context(command.name, list(rest), parent=context)
    except Exception as error:
        return str(getattr(error, "message", error)) or type(error).__name__
    return ""
