"""A program as a folder of C99 (docs/c.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from exporters.emitter import Emitter
from quantize.program import Program, layer_prefix, layer_signals
from quantize.ranges import prove

from .api import Signal, write_accessors, write_header, write_reset, write_step
from .helpers import write_helpers
from .layer import write_layer
from .unit import Array, Unit

__all__ = ["RUNTIME_FILES", "c_files"]

RUNTIME_FILES = ("trace.h", "trace.c", "main_host.c", "main_firmware.c", "Makefile")
"""What is the same for every program."""


def c_files(program: Program) -> Mapping[str, str]:
    """File name -> text: everything that `--to c` writes.

    Raises:
        ParameterError, RangeError: the program breaks a rule of the specification, or cannot be proven.
        UnsupportedError: a value needs more than 64 bits.
    """
    unit = _layers(program)
    signals = _signals(program, unit.arrays)
    runtime = resources.files(__package__) / "runtime"
    return {
        "network.h": _header(program, signals),
        "network.c": _source(program, unit, signals),
        "sizes.txt": _sizes(unit.arrays),
        **{name: (runtime / name).read_text(encoding="utf-8") for name in RUNTIME_FILES},
    }


def _layers(program: Program) -> Unit:
    sites = {site.site: site.interval for site in prove(program).sites}
    unit = Unit()
    hi = program.input.hi
    for index, layer in enumerate(program.layers):
        write_layer(unit, layer_prefix(index, layer), layer, sites, hi)
        hi = 1
    return unit


def _signals(program: Program, arrays: Sequence[Array]) -> tuple[Signal, ...]:
    types = {array.name: array.type for array in arrays}
    found = []
    for index, layer in enumerate(program.layers):
        for name in layer_signals(index, layer):
            prefix, _, kind = name.partition(".")
            array = f"{prefix}_{kind or 'state'}"
            found.append(Signal(name, array, types[array], layer.width, name in program.state_names))
    return tuple(found)


def _header(program: Program, signals: Sequence[Signal]) -> str:
    text = Emitter()
    write_header(text, program, signals)
    return str(text)


def _source(program: Program, unit: Unit, signals: Sequence[Signal]) -> str:
    head, tail = Emitter(), Emitter()
    head("/*")
    head(
        " * A spiking network in integers, written by expifref; its docs/spec.md says what each line must do."
    )
    head(" *")
    head(
        " * Qm.n is a signed number with m integer and n fraction bits, UQm.n an unsigned one: the integer k"
    )
    head(" * stands for k * 2^-n. The widths are proven: no value leaves its type, for any input and state.")
    head(" */")
    head('#include "network.h"')
    write_helpers(head, unit.helpers)
    write_step(tail, program, signals)
    write_reset(tail, program)
    write_accessors(tail, signals)
    return f"{head}{unit.text}{tail}"


def _sizes(arrays: Sequence[Array]) -> str:
    text = Emitter()
    text("Bytes of every object of network.c; code comes on top (`make size` says how much).")
    for title, constant in (("constants (flash)", True), ("states (RAM)", False)):
        chosen = [array for array in arrays if array.constant == constant]
        text()
        text(f"{title}: {sum(array.bytes for array in chosen)} bytes")
        with text.indent():
            for array in chosen:
                text(f"{array.bytes:>9}  {array.name}: {array.count} x {array.type}")
    return str(text)
