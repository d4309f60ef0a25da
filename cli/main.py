"""Entry point of the `expifref` command.

Exit codes: 0 good, 1 a check failed, 2 bad input (one sentence on stderr), 130 interrupted. Nothing heavy is
imported until a command runs, so that `--help` stays quick.
"""

from __future__ import annotations

import sys

import typer

from expifref.exceptions import ExpifrefError

from . import compare, emulate, export, profiles, quantize, run, train, verify

__all__ = ["app", "main"]

app = typer.Typer(
    name="expifref",
    help="Train exponential integrate-and-fire networks, lower them to one integer program, "
    "and prove that every form of it computes the same bits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("train")(train.train)
app.command("quantize")(quantize.quantize)
app.command("export")(export.export)
app.command("emulate")(emulate.emulate)
app.command("verify")(verify.verify)
app.command("compare")(compare.compare)
app.add_typer(profiles.app, name="profiles")


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"expifref {installed('expifref')}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors become one sentence on stderr."""
    try:
        app()
    except ExpifrefError as error:
        typer.echo(f"expifref: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("expifref: interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
