"""Entry point of the `expifref` command.

Exit codes: 0 good, 1 a check failed, 2 bad input (one sentence on stderr), 70 a fault of expifref itself,
130 interrupted, 141 when the reader of stdout is gone. Nothing heavy is imported until a command runs, so
that `--help` stays quick.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, cast

import typer

from expifref.exceptions import ExpifrefError
from expifref.limits import KINDS, raise_limits
from expifref.texts import visible

from . import (
    compare,
    doctor,
    emulate,
    export,
    measure,
    profiles,
    quantize,
    run,
    search,
    tables,
    train,
    verify,
)
from .output import INTERRUPTED, print_line

__all__ = ["app", "main"]

_BAD_INPUT, _UNFORESEEN, _INTERRUPTED, _BROKEN_PIPE = 2, 70, INTERRUPTED, 141

_TRACEBACK = "EXPIFREF_TRACEBACK"
"""Environment variable: 1 shows where an error came from."""

_LONGEST = 500
"""Characters of a sentence."""

_UsageError = cast(type[Exception], typer.BadParameter.__bases__[0])
"""What the parser raises for a bad command line; typer exports only its subclass."""

_LIMIT_HELP = f"Read larger files, such as program=1GiB; kinds: {', '.join(KINDS)}."

app = typer.Typer(
    name="expifref",
    help="Train exponential integrate-and-fire networks, lower them to one integer program, "
    "and prove that every form of it computes the same bits.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run", short_help="Train, lower, export, verify and compare at once.")(run.run)
app.command("train", short_help="Train a network and write a model file.")(train.train)
app.command("quantize", short_help="Lower a model to an integer program.")(quantize.quantize)
app.command("search", short_help="Find the smallest words that keep enough.")(search.search)
app.command("export", short_help="Write a program as ONNX, C, SystemVerilog, JSON.")(export.export)
app.command("emulate", short_help="Run a program on recorded inputs, bit by bit.")(emulate.emulate)
app.command("verify", short_help="Check that all executors compute the same bits.")(verify.verify)
app.command("compare", short_help="Say how far a program is from its float model.")(compare.compare)
app.command("measure", short_help="Count what a program takes on a device.")(measure.measure)
app.command("doctor", short_help="Say which external tools are installed.")(doctor.doctor)
app.command("tables", short_help="Say what tables of each kind would cost.")(tables.tables)
app.add_typer(profiles.app, name="profiles")


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    limit: list[str] = typer.Option(  # noqa: B008  # how typer declares an option of a callback
        [],
        "--limit",
        metavar="KIND=SIZE",
        help=_LIMIT_HELP,
    ),
) -> None:
    raise_limits(limit)
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"expifref {installed('expifref')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(_BAD_INPUT)


def main() -> None:
    """Run the command line; errors become one sentence on stderr."""
    sys.exit(_run())


def _run() -> int:
    try:
        # Returns the code of `typer.Exit`, and 130 for Ctrl-C; None when a command just ends.
        code = app(prog_name="expifref", standalone_mode=False) or 0
    except ExpifrefError as error:
        _show_traceback()
        return _fail(str(error), _BAD_INPUT)
    except _UsageError as error:
        return _fail(_usage(error), _BAD_INPUT)
    except MemoryError as error:
        return _fail(f"there is not enough memory: {error}", _BAD_INPUT)
    except OSError as error:  # such as a name that is too long, wherever a command looks for it first
        place = "a file" if error.filename is None else f"`{error.filename}`"
        return _fail(f"{place} cannot be used: {error.strerror or error}", _BAD_INPUT)
    except Exception as error:  # noqa: BLE001  # whatever it is, a person is told what to do with it
        _show_traceback()
        return _fail(_fault(error), _UNFORESEEN)
    except SystemExit:  # how typer and rich end when nobody reads stdout any more
        return _BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        return _fail("interrupted", _INTERRUPTED)
    return int(code)


def _fail(sentence: str, code: int) -> int:
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


def _usage(error: Any) -> str:
    message = error.format_message().rstrip(".")
    command = "expifref" if error.ctx is None else error.ctx.command_path
    return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"
