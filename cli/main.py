"""Entry point of the `expifref` command.

Exit codes: 0 good, 1 a check failed, 2 bad input (one sentence on stderr), 70 a fault of expifref itself,
130 interrupted, 141 when the reader of stdout is gone. Nothing heavy is imported until a command runs, so
that `--help` stays quick.
"""

from __future__ import annotations

import sys
from typing import Any, cast

import typer

from expifref.files.limits import KINDS, raise_limits

from . import (
    board,
    compare,
    doctor,
    emulate,
    export,
    imported,
    measure,
    profiles,
    quantize,
    run,
    search,
    tables,
    train,
    verify,
)
from .outcome import BAD_INPUT, exit_code, fail

__all__ = ["app", "main"]

_UsageError = cast(type[Exception], typer.BadParameter.__bases__[0])
"""What the parser raises for a bad command line; typer exports only its subclass."""

_LIMIT_HELP = f"Read larger files, such as program=1GiB; kinds: {', '.join(KINDS)}."

app = typer.Typer(
    name="expifref",
    help="Train exponential integrate-and-fire networks, lower them to one integer program, "
    "and prove that every form of it computes the same bits.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run", short_help="Train, lower, export, verify and compare at once.")(run.run)
app.command("train", short_help="Train a network and write a model file.")(train.train)
app.command("import", short_help="Read a NIR file as a model file.")(imported.import_nir)
app.command("quantize", short_help="Lower a model to an integer program.")(quantize.quantize)
app.command("search", short_help="Find the smallest words that keep enough.")(search.search)
app.command("export", short_help="Write a program as ONNX, C, SystemVerilog, JSON.")(export.export)
app.command("emulate", short_help="Run a program on recorded inputs, bit by bit.")(emulate.emulate)
app.command("verify", short_help="Check that all executors compute the same bits.")(verify.verify)
app.command("compare", short_help="Say how far a program is from its float model.")(compare.compare)
app.command("measure", short_help="Count what a program takes on a device.")(measure.measure)
app.command("board", short_help="Run a program on a board, beside the emulator.")(board.board)
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
        raise typer.Exit(BAD_INPUT)


def main() -> None:
    """Run the command line; errors become one sentence on stderr."""
    sys.exit(exit_code(_command))


def _command() -> int:
    try:
        # Returns the code of `typer.Exit`, and 130 for Ctrl-C; None when a command just ends.
        return int(app(prog_name="expifref", standalone_mode=False) or 0)
    except _UsageError as error:
        return fail(_usage(error), BAD_INPUT)


def _usage(error: Any) -> str:
    message = error.format_message().rstrip(".")
    command = "expifref" if error.ctx is None else error.ctx.command_path
    return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"
