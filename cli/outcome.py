"""How a command ends: its exit code, and for what went wrong one sentence on stderr."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import typer

from expifref.exceptions import ExpifrefError
from expifref.files.texts import visible

from .output import INTERRUPTED, print_line

__all__ = ["BAD_INPUT", "exit_code", "fail"]

BAD_INPUT = 2
_UNFORESEEN, _BROKEN_PIPE = 70, 141

_TRACEBACK = "EXPIFREF_TRACEBACK"
"""Environment variable: 1 shows where an error came from."""

_LONGEST = 500
"""Characters of a sentence."""


def exit_code(command: Callable[[], int]) -> int:
    """The code that `command` returns, or that of what it raises, which is told."""
    try:
        code = command()
    except ExpifrefError as error:
        _show_traceback()
        return fail(str(error), BAD_INPUT)
    except MemoryError as error:
        return fail(f"there is not enough memory: {error}", BAD_INPUT)
    except OSError as error:  # such as a name that is too long, wherever a command looks for it first
        place = "a file" if error.filename is None else f"`{error.filename}`"
        return fail(f"{place} cannot be used: {error.strerror or error}", BAD_INPUT)
    except Exception as error:  # noqa: BLE001  # whatever it is, a person is told what to do with it
        _show_traceback()
        return fail(_fault(error), _UNFORESEEN)
    except SystemExit as end:  # how typer ends when a shell asked it for words, and it and rich when
        return _BROKEN_PIPE if end.code else 0  # nobody reads stdout any more
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    return fail("interrupted", INTERRUPTED) if code == INTERRUPTED else code


def fail(sentence: str, code: int) -> int:
    """Print what went wrong; returns `code`."""
    print_line(f"expifref: {_cleaned(sentence)}", err=True)
    return code


def _cleaned(sentence: str) -> str:
    """One line that does nothing to a terminal: names of files and words of libraries may hold anything."""
    # A message from elsewhere may have lines of its own.
    line = visible(" ".join(sentence.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[5 - _LONGEST // 2 :]}"


def _fault(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        f"a fault of expifref, not of your input: {said[: _LONGEST // 3]} "
        f"({Path(last.filename).name}, line {last.lineno}); "
        f"please report it as SECURITY.md says, with the output of the same command under {_TRACEBACK}=1"
    )


def _show_traceback() -> None:
    if os.environ.get(_TRACEBACK) == "1":
        traceback.print_exc()
