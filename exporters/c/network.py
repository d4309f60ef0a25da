"""A graph as a folder of C99 (docs/c.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources

from expifref.exceptions import UnsupportedError
from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph, full_name
from quantize.program.label import Label

from .api import Signal, write_accessors, write_header
from .calls import SPIKES
from .helpers import write_helpers
from .histories import Sent, write_histories
from .layer import LayerCode, Sources, write_layer
from .running import write_reset, write_step
from .signals import told
from .text import comment
from .unit import Array, Unit
from .words import byte_of, range_of

__all__ = ["RUNTIME_FILES", "c_files", "network_files"]

RUNTIME_FILES = ("trace.h", "trace.c", "main_host.c", "main_firmware.c", "Makefile")
"""What is the same for every program."""


def c_files(graph: Graph, label: Label) -> Mapping[str, str]:
    """File name -> text: everything that `--to c` writes; errors as of `network_files`."""
    runtime = resources.files(__package__) / "runtime"
    common = {name: (runtime / name).read_text(encoding="utf-8") for name in RUNTIME_FILES}
    return {**network_files(graph, label), **common}


def network_files(graph: Graph, label: Label) -> Mapping[str, str]:
    """File name -> text: the network alone, which any project can take.

    Raises:
        ParameterError, RangeError: the graph breaks a rule of the specification, or cannot be proven.
        UnsupportedError: a value needs more than 64 bits, or an input more than a byte.
    """
    fmt = graph.input.format
    if not byte_of(graph.input).holds(range_of(fmt)):
        raise UnsupportedError(f"the inputs of the emitted C must be bytes, not {fmt.lo}..{fmt.hi}")
    unit = Unit()
    sources = _sources(unit, graph)
    layers = [write_layer(unit, layer, sources) for layer in graph.layers]
    signals = _signals(layers, sources)
    header, tail = Emitter(), Emitter()
    write_header(header, graph, label.decision, signals)
    write_step(tail, layers, sources)
    write_reset(tail, layers, sources)
    write_accessors(tail, signals)
    return {
        "network.h": str(header),
        "network.c": f"{_head(unit, label)}{unit.text}{tail}",
        "sizes.txt": _sizes(unit.arrays),
    }


def _sources(unit: Unit, graph: Graph) -> Sources:
    histories = write_histories(unit, graph)
    word = byte_of(graph.input)
    given = Sent(SPIKES, word)
    if graph.input.graded and INPUT in histories:
        # The steps of a held input are not given it again.
        copy = unit.variable("input_now", word, [graph.input.channels], "the input of this step")
        given = Sent(copy.name, copy.word)
    return Sources(graph, {INPUT: given}, histories)


def _signals(layers: Sequence[LayerCode], sources: Sources) -> tuple[Signal, ...]:
    found: dict[str, tuple[str, Array]] = {}
    for code in layers:
        layer, arrays = code.layer, code.arrays
        results = {layer.output: layer.output, **layer.signals}
        for key, result in results.items():
            array = arrays.of(layer, result)
            found[full_name(layer.name, key)] = f"{array.name}[j]", array
        for state, array in arrays.states.items():
            found[full_name(layer.name, state)] = f"{array.name}[j]", array
    for name, source, age in sources.graph.delayed:
        history = sources.histories[source]
        found[name] = f"{history.aged(f'{age}U')}[j]", history.rows
    return tuple(
        Signal(row.name, found[row.name][0], found[row.name][1].word, row.units, row.is_state)
        for row in told(sources.graph)
    )


def _head(unit: Unit, label: Label) -> Emitter:
    text = Emitter()
    text("/*")
    text(" * A network in integers, written by expifref, whose specification says what each line must do.")
    text(" *")
    text(
        " * Qm.n is a signed number with m integer and n fraction bits, UQm.n an unsigned one: the integer k"
    )
    text(" * stands for k * 2^-n. The widths are proven: no value leaves its type, for any input and state.")
    text(" */")
    text(comment(f"Program {label.digest}, for {label.device}, by expifref {label.tool_version}."))
    text('#include "network.h"')
    write_helpers(text, unit.helpers)
    return text


def _sizes(arrays: Sequence[Array]) -> str:
    text = Emitter()
    text("Bytes of every object of network.c; code comes on top (`make size` says how much).")
    for title, constant in (("constants (flash)", True), ("states (RAM)", False)):
        chosen = [array for array in arrays if array.constant == constant]
        text()
        text(f"{title}: {sum(array.bytes for array in chosen)} bytes")
        with text.indent():
            for array in chosen:
                text(f"{array.bytes:>9}  {array.name}: {array.count} x {array.word.type}")
    return str(text)
