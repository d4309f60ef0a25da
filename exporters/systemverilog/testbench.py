"""A testbench that plays a file of stimuli and writes the signals of section 6, from the real memories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.program import Program, ReadoutLayer, SpikingLayer, layer_prefix, layer_signals

from .core import stream_wires
from .dense import Weights, packed_weights
from .memories import Files, hex_text
from .module import connect
from .network import TOP, streams
from .values import clog2

__all__ = ["BENCH", "Opcode", "bench_files", "memories"]

BENCH = "bench"


class Opcode:
    """First number of a line of the stimulus file; three numbers follow."""

    RESET = 0
    EVENT = 1  # index, value
    TICK = 2
    WRITE = 3  # number of the memory, neuron, value
    FLUSH = 4  # wait for the outputs of all ticks


@dataclass(frozen=True)
class Memory:
    """Where a state lies in the design."""

    state: str
    path: str
    neurons: int


def memories(program: Program) -> list[Memory]:
    """The memory of every state, in the order of `Program.state_names`."""
    found = []
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        core = f"dut.{prefix}_core"
        if isinstance(layer, ReadoutLayer):
            found.append(Memory(prefix, f"{core}.rescale.filters", layer.width))
            continue
        if layer.synapse is not None:
            found.append(Memory(f"{prefix}.filter", f"{core}.rescale.filters", layer.width))
        found.append(Memory(f"{prefix}.membrane", f"{core}.membranes", layer.width))
        found.append(Memory(f"{prefix}.refractory", f"{core}.refractories", layer.width))
    return found


def bench_files(program: Program, weights: Mapping[int, Weights] | None = None) -> Files:
    """The testbench: `stimulus.txt` in, one file per layer out, a line per step, neurons within signals.

    Weights that a layer takes through a port are loaded first, from a file beside.
    """
    files: Files = {}
    loaded = {index: how for index, how in (weights or {}).items() if how.loaded}
    e = Emitter()
    stream = streams(program)[0]
    last = program.layers[-1]
    e("`timescale 1ns / 1ps")
    e(f"module {BENCH};")
    with e.indent():
        e("logic clk = 0, rst = 1;")
        e("always #5 clk = !clk;")
        e("logic in_valid = 0, in_ready, in_tick = 0;")
        e(f"logic [{clog2(stream.channels) - 1}:0] in_index = 0;")
        if stream.value_bits > 1:
            e(f"logic [{stream.value_bits - 1}:0] in_value = 0;")
        e("logic out_valid, out_tick, out_ready = 0;")
        # Output is taken in three of four clocks, so that the design has to wait for it.
        e("logic [1:0] turn = 0;")
        e("always @(posedge clk) begin turn <= turn + 1; out_ready <= turn != 0; end")
        e(f"logic [{clog2(last.width) - 1}:0] out_index;")
        wires = [*stream_wires(stream), ("out_valid", "out_valid"), ("out_ready", "out_ready")]
        wires += [("out_tick", "out_tick"), ("out_index", "out_index")]
        if isinstance(last, ReadoutLayer):
            wires.append(("out_value", ""))
        for index, how in loaded.items():
            wires += _load_signals(e, files, program, index, how)
        connect(e, TOP, "dut", wires)
        for index, layer in enumerate(program.layers):
            _monitor(e, program, index, layer)
        e("longint clocks = 0, ticks_in = 0, ticks_out = 0;")
        e("always @(posedge clk) clocks <= clocks + 1;")
        e("always @(posedge clk) if (!rst && out_valid && out_ready && out_tick) ticks_out <= ticks_out + 1;")
        _player(e, program, stream.value_bits, loaded)
    e("endmodule")
    return files | {f"{BENCH}.sv": str(e)}


def _load_signals(
    e: Emitter, files: Files, program: Program, index: int, how: Weights
) -> list[tuple[str, str]]:
    """The signals of a port that loads weights, and the words for it."""
    layer = program.layers[index]
    prefix = f"{layer_prefix(index, layer)}_load"
    words = packed_weights(layer.dense, how)
    bits = how.lanes(layer.dense.weight_format.bits) * layer.dense.weight_format.bits
    files[f"{prefix}.hex"] = hex_text(words, bits)
    e(f"logic [{bits - 1}:0] {prefix}_words [0:{len(words) - 1}];")
    e(f'initial $readmemh("{prefix}.hex", {prefix}_words);')
    e(f"logic {prefix}_valid = 0;")
    e(f"logic [{clog2(len(words)) - 1}:0] {prefix}_address = 0;")
    e(f"logic [{bits - 1}:0] {prefix}_data = 0;")
    return [(f"{prefix}_{part}", f"{prefix}_{part}") for part in ("valid", "address", "data")]


def _monitor(e: Emitter, program: Program, index: int, layer: SpikingLayer | ReadoutLayer) -> None:
    """One line when a layer sends its tick: its memories are then those of the end of the step."""
    prefix, n = layer_prefix(index, layer), layer.width
    core = f"dut.{prefix}_core"
    states = {memory.state: memory.path for memory in memories(program)}
    taps = {f"{prefix}.accumulator": (f"{core}.rescale.valid", f"{core}.rescale.accumulator")}
    if isinstance(layer, SpikingLayer):
        taps[f"{prefix}.drive"] = (f"{core}.neuron_valid", f"{core}.neuron_drive")
    e(f"integer {prefix}_file;")
    e(f'initial {prefix}_file = $fopen("{prefix}.txt", "w");')
    for signal, (valid, data) in taps.items():
        name = signal.replace(".", "_")
        e(f"longint {name} [0:{n - 1}];")
        e(f"integer {name}_at = 0;")
        late = f"{name}_due"
        if signal.endswith("accumulator"):
            # The accumulator comes a clock after its `valid`.
            e(f"logic {late} = 0;")
            e(f"always @(posedge clk) {late} <= {valid} && !rst;")
            valid = late
        e(f"always @(posedge clk) if (rst) {name}_at <= 0; else if ({valid}) begin")
        with e.indent():
            e(f"{name}[{name}_at] <= 64'($signed({data}));")
            e(f"{name}_at <= ({name}_at == {n - 1}) ? 0 : {name}_at + 1;")
        e("end")
    if isinstance(layer, SpikingLayer):
        e(f"logic [{n - 1}:0] {prefix}_spikes = 0;")
    e(f"always @(posedge clk) if (!rst && {core}.out_valid && {core}.out_ready) begin")
    with e.indent():
        if isinstance(layer, SpikingLayer):
            e(f"if (!{core}.out_tick) {prefix}_spikes[{core}.out_index] <= 1'b1;")
        e(f"if ({core}.out_tick) begin")
        with e.indent():
            for signal in layer_signals(index, layer):
                source = (
                    signal.replace(".", "_") if signal in taps else states.get(signal, f"{prefix}_spikes")
                )
                e(f'for (int i = 0; i < {n}; i++) $fwrite({prefix}_file, "%0d ", {source}[i]);')
            e(f'$fwrite({prefix}_file, "\\n");')
            if isinstance(layer, SpikingLayer):
                e(f"{prefix}_spikes <= 0;")
        e("end")
    e("end")


def _player(e: Emitter, program: Program, value_bits: int, loaded: Mapping[int, Weights]) -> None:
    stream = streams(program)[0]
    e("integer stimulus, found, op;")
    e("longint a, b, c;")
    e("initial begin")
    with e.indent():
        # The words are read at time 0, by initial blocks in no given order.
        e("@(posedge clk);")
        for index in loaded:
            prefix = f"{layer_prefix(index, program.layers[index])}_load"
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
                    # The last initial value is written a clock after the cores are ready.
                    e("while (!in_ready) @(posedge clk);")
                    e("@(posedge clk); @(posedge clk);")
                e("end")
                e(f"{Opcode.EVENT}, {Opcode.TICK}: begin")
                with e.indent():
                    e(f"in_valid <= 1; in_tick <= op == {Opcode.TICK};")
                    e(f"in_index <= {clog2(stream.channels)}'(a);")
                    if value_bits > 1:
                        e(f"in_value <= {value_bits}'(b);")
                    e(f"if (op == {Opcode.TICK}) ticks_in = ticks_in + 1;")
                    e("@(posedge clk); while (!in_ready) @(posedge clk);")
                    e("in_valid <= 0;")
                e("end")
                e(f"{Opcode.WRITE}: begin")
                with e.indent():
                    e("case (a)")
                    with e.indent():
                        for number, memory in enumerate(memories(program)):
                            e(f"{number}: {memory.path}[b] <= c;")
                        e("default: ;")
                    e("endcase")
                    e("@(posedge clk);")
                e("end")
                e("default: begin")
                with e.indent():
                    e("while (ticks_out < ticks_in) @(posedge clk);")
                    e("@(posedge clk);")
                e("end")
            e("endcase")
            e('found = $fscanf(stimulus, "%d %d %d %d\\n", op, a, b, c);')
        e("end")
        e('$display("clocks %0d", clocks);')
        e("$finish;")
    e("end")
