"""What the command line makes of a command that a page has, without doing anything."""

from __future__ import annotations

import re
import shlex
from typing import Any

from typer.main import get_command

from cli.main import app

__all__ = ["NAMES", "OPTIONS", "is_whole", "understood"]

NAMES = tuple(get_command(app).commands)  # type: ignore[attr-defined] # a click group
"""Of all commands."""


def _options(command: Any) -> set[str]:
    """Those of `command` and of all below it."""
    below = getattr(command, "commands", {}).values()
    own = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return own.union(*map(_options, below))


OPTIONS = _options(get_command(app)) | {"--help"}
"""Of all commands."""

_PLACEHOLDER = re.compile(r"(\w+:)?[A-Z_]{1,}(\.\w+)?(=[A-Z]+)?")


def is_whole(words: list[str]) -> bool:
    """Whether a reader could paste it: it says what to do with what, and has no placeholder as `NAME`."""
    if len(words) < 3 or any(_PLACEHOLDER.fullmatch(word) for word in words):
        return False
    try:
        understood(shlex.join(words))
    except AssertionError:
        return False
    return True


def understood(text: str, *, whole: bool = True) -> None:
    """AssertionError unless `text` is a command; unless `whole` it may lack some of its words."""
    command, rest, context = _command(shlex.split(text, comments=True))
    if not whole:
        unknown = {word for word in rest if word.startswith("--")} - _options(command) - {"--help"}
        assert not unknown, f"`{text}`: {command.name} has no option {', '.join(unknown)}"
        return
    try:
        command.make_context(command.name, list(rest), parent=context)
    except Exception as error:
        raise AssertionError(f"`{text}`: {getattr(error, 'message', error)}") from error


def _command(words: list[str]) -> tuple[Any, list[str], Any]:
    """The command that `words`, which begin with `expifref`, name, what is left of them, and its parent."""
    command: Any = get_command(app)
    context, rest = None, words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("--"):
        assert rest[0] in command.commands, f"`{shlex.join(words)}`: no command {rest[0]}"
        context = command.make_context(command.name, [], parent=context, resilient_parsing=True)
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest, context
