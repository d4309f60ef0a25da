"""How fast SystemVerilog is asked to be: options that `export` and `measure` share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from expifref.exceptions import ParameterError

if TYPE_CHECKING:
    from exporters.fpga import Wish

__all__ = ["Hold", "Lanes", "Rate", "wish_of"]

Lanes = Annotated[
    str | None,
    typer.Option("--lanes", help="Weights that SystemVerilog adds in a clock: 8, by layer 8,4, or auto."),
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


def wish_of(lanes: str | None, hold: bool | None, rate: float | None) -> Wish:
    """What the options ask for.

    Raises:
        ParameterError: `lanes` are neither auto nor numbers.
    """
    from exporters.fpga import Wish

    if lanes is None or lanes == _AUTO:
        return Wish(None, hold, rate)
    parts = lanes.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ParameterError(f"lanes must be auto or numbers such as 8 or 8,4, not `{lanes}`")
    return Wish(tuple(int(part) for part in parts), hold, rate)
