"""A testbench that plays a file of stimuli and writes signals and states, from the real memories."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, full_name, history_name

from .layout import load_bits, loaded_words
from .memories import Files, hex_text
from .module import connect
from .monitors import history_monitor, history_path, monitor
from .network import Design
from .states import memory_name
from .streams import stream_of, wires_between
from .top import TOP
from .values import clog2

__all__ = ["BENCH", "Memory", "Opcode", "bench_files", "memories"]

BENCH = "bench"


class Opcode:
    """First number of a line of the stimulus file; three numbers follow."""

    RESET = 0
    EVENT = 1  # index, value
    TICK = 2  # its marks
    WRITE = 3  # number of the memory, word, value
    FLUSH = 4  # wait until all layers are through with all ticks


@dataclass(frozen=True)
class Memory:
    """Where a state lies in the design."""

    state: str
    path: str
    first: int = 0  # the word of its first unit
    units: slice = field(default_factory=lambda: slice(None))  # those that lie there


def memories(made: Design) -> list[Memory]:
    """The memories of every state, in the order of `Graph.state_units`."""
    found = [
        Memory(full_name(layer.name, state), f"dut.{path}.{memory_name(state)}", units=one.slice.units)
        for layer in made.graph.layers
        for state in layer.states
        for path, one in made.cores[layer.name].paths.items()
    ]
    for source, one in made.histories.items():
        for age in range(1, one.slots):
            first = (one.slots - 1 - age) << one.stream.index_bits
            found.append(Memory(history_name(source, age), f"{history_path(source)}.values", first))
    return found


def bench_files(made: Design) -> Files:
    """The testbench: `stimulus.txt` in, one file per layer and per history out.

    Weights that a layer takes through a port are loaded first, from a file beside.
    """
    graph = made.graph
    files: Files = {}
    e = Emitter()
    stream, out = stream_of(graph, INPUT, made.held), stream_of(graph, graph.output, made.held)
    e("`timescale 1ns / 1ps")
    e(f"module {BENCH};")
    with e.indent():
        e("logic clk = 0, rst = 1;")
        e("always #5 clk = !clk;")
        e("logic in_ready;")
        for name, kind in stream.signals:
            e(f"{kind} in_{name} = 0;")
        e("logic out_valid, out_tick, out_ready = 0;")
        # Output is taken in three of four clocks, so that the design has to wait for it.
        e("logic [1:0] turn = 0;")
        e("always @(posedge clk) begin turn <= turn + 1; out_ready <= turn != 0; end")
        e(f"logic [{out.index_bits - 1}:0] out_index;")
        wires = [("rst", "rst"), *wires_between(stream, "in", "in")]
        wires += [(f"out_{name}", f"out_{name}") for name in ("valid", "ready", "tick", "index")]
        wires += [(f"out_{name}", "") for name in (*out.marks, *(["value"] if out.graded else []))]
        for layer, index in made.loaded:
            wires += _load_signals(e, files, made, (layer, index))
        connect(e, TOP, "dut", wires)
        e("longint clocks = 0, ticks_in = 0;")
        e("always @(posedge clk) clocks <= clocks + 1;")
        for number, one_layer in enumerate(graph.layers):
            monitor(e, made, number, one_layer)
        for source, one in made.histories.items():
            history_monitor(e, source, one)
        _player(e, made)
    e("endmodule")
    return files | {f"{BENCH}.sv": str(e)}


def _load_signals(e: Emitter, files: Files, made: Design, key: tuple[str, int]) -> list[tuple[str, str]]:
    """The signals of a port that loads weights, and the words for it."""
    layer, index = key
    part, how = made.graph.by_name[layer].feeds[index].connection, made.weights[key]
    prefix = f"{layer}_feed{index}_load"
    words = loaded_words(part, how)
    bits = load_bits(part, how)
    files[f"{prefix}.hex"] = hex_text(words, bits)
    e(f"logic [{bits - 1}:0] {prefix}_words [0:{len(words) - 1}];")
    e(f'initial $readmemh("{prefix}.hex", {prefix}_words);')
    e(f"logic {prefix}_valid = 0;")
    e(f"logic [{clog2(len(words)) - 1}:0] {prefix}_address = 0;")
    e(f"logic [{bits - 1}:0] {prefix}_data = 0;")
    return [(f"{prefix}_{part_}", f"{prefix}_{part_}") for part_ in ("valid", "address", "data")]


def _player(e: Emitter, made: Design) -> None:
    stream = stream_of(made.graph, INPUT, made.held)
    behind = " || ".join(f"ticks{number} < ticks_in" for number in range(len(made.graph.layers)))
    e("integer stimulus, found, op;")
    e("longint a, b, c;")
    e("initial begin")
    with e.indent():
        # The words are read at time 0, by initial blocks in no given order.
        e("@(posedge clk);")
        for layer, index in made.loaded:
            prefix = f"{layer}_feed{index}_load"
            e(f"for (int n = 0; n < $size({prefix}_words); n++) begin")
            with e.indent():
                e(f"{prefix}_valid <= 1; {prefix}_address <= $bits({prefix}_address)'(n);")
                e(f"{prefix}_data <= {prefix}_words[n]; @(posedge clk);")
            e("end")
            e(f"{prefix}_valid <= 0; @(posedge clk);")
        e('stimulus = $fopen("stimulus.txt", "r");')
        e('found = $fscanf(stimulus, "%d %d %d %d\\n", op, a, b, c);')
        e("while (found == 4) begin")
        with e.indent():
            e("case (op)")
            with e.indent():
                e(f"{Opcode.RESET}: begin")
                with e.indent():
                    e("rst <= 1; @(posedge clk); @(posedge clk); rst <= 0; @(posedge clk);")
                    # States that are written must not be cleared after that.
                    e(f"if (a != 0) repeat ({_clearing_clocks(made)}) @(posedge clk);")
                e("end")
                e(f"{Opcode.EVENT}, {Opcode.TICK}: begin")
                with e.indent():
                    # Between the edges, where no simulator has a choice of what comes first.
                    e("if (clk) @(negedge clk);")
                    e(f"in_valid = 1; in_tick = op == {Opcode.TICK};")
                    for bit, mark in enumerate(stream.marks):
                        e(f"in_{mark} = op == {Opcode.TICK} && a[{bit}];")
                    e(f"in_index = {stream.index_bits}'(a);")
                    if stream.graded:
                        e(f"in_value = {stream.value_bits}'(b);")
                    e(f"if (op == {Opcode.TICK}) ticks_in = ticks_in + 1;")
                    e("#1 while (!in_ready) begin @(negedge clk); #1; end")
                    e("@(negedge clk);")
                    e("in_valid = 0;")
                e("end")
                e(f"{Opcode.WRITE}: begin")
                with e.indent():
                    e("case (a)")
                    with e.indent():
                        for number, memory in enumerate(memories(made)):
                            e(f"{number}: {memory.path}[b] <= c;")
                        e("default: ;")
                    e("endcase")
                    e("@(posedge clk);")
                e("end")
                e("default: begin")
                with e.indent():
                    e(f"while ({behind}) @(posedge clk);")
                    e("@(posedge clk);")
                e("end")
            e("endcase")
            e('found = $fscanf(stimulus, "%d %d %d %d\\n", op, a, b, c);')
        e("end")
        e('$display("clocks %0d", clocks);')
        e("$finish;")
    e("end")


def _clearing_clocks(made: Design) -> int:
    """Clocks after which all memories hold what they start with."""
    words = [layer.units for layer in made.graph.layers]
    words += [1 << (one.slot_bits + one.stream.index_bits) for one in made.histories.values()]
    return max(words) + 4
