"""The whole network: a chain of layer cores, as files of a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping

from exporters.emitter import Emitter
from quantize.program import Dense, Program, ReadoutLayer, layer_prefix
from quantize.program_io import digest
from quantize.ranges import Interval

from .core import load_wires, readout_core, spiking_core, stream_wires
from .dense import Stream, Weights, bank_module, load_ports, stream_ports
from .drive import output_format
from .memories import Files
from .module import connect, module
from .values import Value, clog2, declaration

__all__ = ["TOP", "emit_systemverilog", "streams", "weights_for"]

TOP = "network"
"""Name of the top module."""

_LOADED_WORD = "word of weights in memory that no bitstream fills"
_BLOCK_RAM = "weights of a connection that stay in block RAM"
_BANK = "words of weights in a block RAM with a register of its own"
"""What the facts of a profile are called that say how weights lie in memory; a profile need not have any."""


def emit_systemverilog(program: Program, weights: Mapping[int, Weights] | None = None) -> Files:
    """The SystemVerilog of `program`: file name -> text, one file per module and one per memory.

    Args:
        weights: layer -> how its weights lie in memory; read from a file at the start where not given.

    The memories are read with `$readmemh` from the working folder of the tool, which is this folder.
    """
    files: Files = {}
    chosen = weights or {}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        stream, how = streams(program)[index], chosen.get(index, Weights())
        if isinstance(layer, ReadoutLayer):
            parts = readout_core(files, prefix, layer, stream, how)
        else:
            parts = spiking_core(files, prefix, layer, stream, how)
        for part in parts:
            text = str(part)
            files[f"{_module_name(text)}.sv"] = text
    if any(how.bank_words is not None for how in chosen.values()):
        bank = Emitter()
        bank_module(bank)
        files["weight_bank.sv"] = str(bank)
    files[f"{TOP}.sv"] = _top(program, chosen)
    return files


def weights_for(program: Program) -> dict[int, Weights]:
    """How the weights lie in the memories of the device that `program` was lowered for."""
    facts = {fact["what"]: fact["value"] for fact in program.evidence.profile.get("facts", ())}
    dense = {index: layer.dense for index, layer in enumerate(program.layers)}
    if word_bits := facts.get(_LOADED_WORD):
        most = facts.get(_BLOCK_RAM) or 0
        how = Weights(loaded=True, word_bits=word_bits)
        return {i: how for i, part in dense.items() if _weight_bits(part) > most}
    if words := facts.get(_BANK):
        return {i: Weights(bank_words=words) for i, part in dense.items() if part.weight.size > words}
    return {}


def _weight_bits(part: Dense) -> int:
    return part.weight.size * part.weight_format.bits


def streams(program: Program) -> list[Stream]:
    """What feeds each layer."""
    first = Stream(program.input.channels, program.input.bits)
    return [first, *(Stream(layer.width, 1) for layer in program.layers[:-1])]


def _module_name(text: str) -> str:
    found = re.search(r"^module (\w+)", text, re.MULTILINE)
    return found[1] if found else ""


def _top(program: Program, weights: Mapping[int, Weights]) -> str:
    e = Emitter()
    feeds = streams(program)
    last = program.layers[-1]
    value = Value("out_value", Interval(output_format(last).lo, output_format(last).hi), 0)
    ports = stream_ports(feeds[0])
    for index, layer in enumerate(program.layers):
        loads = load_ports(layer.dense, weights.get(index, Weights()))
        ports += [port.replace("load_", f"{layer_prefix(index, layer)}_load_") for port in loads]
    ports += ["output logic out_valid", "input  logic out_ready", "output logic out_tick"]
    ports.append(f"output logic [{clog2(last.width) - 1}:0] out_index")
    if isinstance(last, ReadoutLayer):
        ports.append(f"output {declaration(value)}")
    comment = [
        f"Program {digest(program)}",
        f"{program.input.channels} inputs, layers of {', '.join(str(x.width) for x in program.layers)}.",
        "Input: events (index, value where graded), then a tick that ends the step.",
        "Output: the spikes or the readout values of the step, then its tick.",
    ]
    with module(e, TOP, ports, comment):
        before = "in"
        for index, layer in enumerate(program.layers):
            prefix = layer_prefix(index, layer)
            after = "out" if layer is last else f"{prefix}_out"
            if layer is not last:
                e(f"logic {after}_valid, {after}_ready, {after}_tick;")
                e(f"logic [{clog2(layer.width) - 1}:0] {after}_index;")
            how = weights.get(index, Weights())
            wires = stream_wires(feeds[index], before) + load_wires(how, f"{prefix}_")
            wires += [(f"out_{part}", f"{after}_{part}") for part in ("valid", "ready", "tick", "index")]
            if isinstance(layer, ReadoutLayer):
                wires.append(("out_value", "out_value"))
            connect(e, prefix, f"{prefix}_core", wires)
            before = after
    return str(e)
