"""How fast SystemVerilog is asked to be: options that `export`, `verify` and `measure` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from expifref.exceptions import ParameterError

if TYPE_CHECKING:
    from exporters.fpga import Wish
    from exporters.systemverilog.throughput import Throughput
    from quantize.program.program import Program

__all__ = ["Hold", "Lanes", "Pipelines", "Rate", "chosen_speed", "hardware_wish", "wish_of"]

Lanes = Annotated[
    str | None,
    typer.Option("--lanes", help="Weights that SystemVerilog adds in a clock: 8, by layer 8,4, or auto."),
]
Pipelines = Annotated[
    str | None,
    typer.Option("--pipelines", help="Datapaths that share the units of a layer: 2, or by layer 2,1."),
]
Hold = Annotated[
    bool | None,
    typer.Option("--hold/--no-hold", help="SystemVerilog whose input can be held over steps."),
]
Rate = Annotated[
    float | None,
    typer.Option("--target", min=1, help="The smallest SystemVerilog with so many samples a second."),
]

_AUTO = "auto"


def wish_of(lanes: str | None, pipelines: str | None, hold: bool | None, rate: float | None) -> Wish:
    """What the options ask for.

    Raises:
        ParameterError: `lanes` are neither auto nor numbers, or `pipelines` no numbers beside such lanes.
    """
    from exporters.fpga import Wish

    counts = None if lanes is None or lanes == _AUTO else _counts(lanes, "lanes must be auto or")
    if pipelines is None:
        return Wish(counts, hold, rate)
    if counts is None:
        raise ParameterError("pipelines must come with lanes that are numbers: say how many with --lanes")
    return Wish(counts, hold, rate, _counts(pipelines, "pipelines must be"))


def hardware_wish(
    lanes: str | None, pipelines: str | None, hold: bool | None, rate: float | None
) -> Wish | None:
    """What the options ask for; None: the smallest design."""
    if lanes is None and pipelines is None and not hold and rate is None:
        return None
    if rate is not None:
        return wish_of(lanes, pipelines, hold, rate)
    return wish_of("1" if lanes is None else lanes, pipelines, bool(hold), None)


def chosen_speed(program: Program, wish: Wish) -> Throughput:
    """What `wish` comes to on the device that `program` is for; errors as `exporters.fpga.wishes.choose`."""
    from exporters.fpga.wishes import choose, usual_traffic

    return choose(program, program.evidence.profile, wish, usual_traffic(program))


def _counts(text: str, must_be: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ParameterError(f"{must_be} numbers such as 8 or 8,4, not `{text}`")
    return tuple(int(part) for part in parts)
