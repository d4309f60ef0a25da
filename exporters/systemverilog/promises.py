"""What a core and its feeds promise each other: claims of the one, taken as given by the other."""

from __future__ import annotations

from .claims import Claims
from .values import clog2

__all__ = ["settles", "sweeps"]


def sweeps(claims: Claims, units: int, quiet: int) -> dict[str, str]:
    """A core's: units pass once, in order, when all is settled, and `quiet` clocks later the step ends.

    `passed` counts the units.
    """
    bits = clog2(units + 1)
    claims.register(f"logic [{bits - 1}:0]", "passed", ("step_done", "'0"), ("sweep_valid", "passed + 1'b1"))
    claims.late("logic", "sweep_valid", quiet)
    busy = " || ".join(["sweep_valid", *(f"sweep_valid_{clock}" for clock in range(1, quiet + 1))])
    return {
        "units pass in order once all is settled": (
            f"!sweep_valid || (settled && passed < {units} && sweep_index == passed)"
        ),
        "a step ends when all units have passed": f"!step_done || (passed == {units} && !({busy}))",
    }


def settles(claims: Claims, settled: str, done: str) -> dict[str, str]:
    """A feed's: once it is settled it stays so until its step is `done`."""
    claims.late("logic", settled, 1)
    claims.late("logic", done, 1)
    return {f"{settled} stays until the step is done": f"!({settled}_1 && !{done}_1) || {settled}"}
