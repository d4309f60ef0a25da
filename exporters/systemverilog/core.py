"""Layer cores: synapses, datapaths and state memories around one stream in and one stream out."""

from __future__ import annotations

from exporters.emitter import Emitter
from quantize.program import ReadoutLayer, SpikingLayer

from .control import clearing, counter
from .dense import Stream, Weights, dense_module, load_ports, stream_ports
from .drive import drive_module
from .memories import Files, Rom, neuron_field
from .module import connect, module
from .neuron import Datapath, neuron_fields, neuron_module
from .values import Value, clog2, declaration, literal

__all__ = ["readout_core", "spiking_core"]


def spiking_core(
    files: Files, name: str, layer: SpikingLayer, stream: Stream, weights: Weights
) -> list[Emitter]:
    """The modules of a spiking layer, `name` last; its memories go into `files`."""
    dense, drive_text, neuron_text, e = Emitter(), Emitter(), Emitter(), Emitter()
    accumulator = dense_module(dense, files, f"{name}_dense", layer.dense, stream, weights)
    drive = drive_module(drive_text, files, f"{name}_drive", layer, accumulator)
    datapath = neuron_module(neuron_text, files, f"{name}_neuron", layer.neuron, layer.drive)
    comment = [f"Layer {layer.name}: {layer.width} ExpIFRef neurons; events in, spike events out."]
    ports = [*stream_ports(stream), *load_ports(layer.dense, weights), *_event_ports(layer.width)]
    with module(e, name, ports, comment):
        e(f"localparam int NEURONS = {layer.width};")
        _front(e, name, layer, stream, weights, accumulator, drive)
        _states(e, files, name, layer, datapath)
        _spikes(e, layer.width)
    return [dense, drive_text, neuron_text, e]


def readout_core(
    files: Files, name: str, layer: ReadoutLayer, stream: Stream, weights: Weights
) -> list[Emitter]:
    """The modules of a readout layer, `name` last; its memories go into `files`."""
    dense, drive_text, e = Emitter(), Emitter(), Emitter()
    accumulator = dense_module(dense, files, f"{name}_dense", layer.dense, stream, weights)
    value = drive_module(drive_text, files, f"{name}_drive", layer, accumulator)
    comment = [f"Readout of {layer.width} classes: events in; after each tick every value, then the tick."]
    ports = [*stream_ports(stream), *load_ports(layer.dense, weights), *_event_ports(layer.width)]
    ports.append(f"output {declaration(Value('out_value', value.interval, 0))}")
    with module(e, name, ports, comment):
        e(f"localparam int NEURONS = {layer.width};")
        _front(e, name, layer, stream, weights, accumulator, value)
        _values(e, layer.width, value)
    return [dense, drive_text, e]


def _event_ports(neurons: int) -> list[str]:
    return [
        "output logic out_valid",
        "input  logic out_ready",
        "output logic out_tick",
        f"output logic [{clog2(neurons) - 1}:0] out_index",
    ]


def stream_wires(stream: Stream, prefix: str = "in") -> list[tuple[str, str]]:
    """Connections of an input stream to signals with `prefix`."""
    names = ["valid", "ready", "tick", "index", *(["value"] if stream.value_bits > 1 else [])]
    return [(f"in_{name}", f"{prefix}_{name}") for name in names]


def load_wires(weights: Weights, prefix: str = "") -> list[tuple[str, str]]:
    """Connections of the port that loads weights."""
    names = ["load_valid", "load_address", "load_data"] if weights.loaded else []
    return [(name, f"{prefix}{name}") for name in names]


def _front(
    e: Emitter,
    name: str,
    layer: SpikingLayer | ReadoutLayer,
    stream: Stream,
    weights: Weights,
    accumulator: Value,
    drive: Value,
) -> None:
    """Synapses and drive: `drive_valid` and `drive` for one neuron after the other, once a step."""
    e("logic step_done;")
    e("logic sweep_valid, drive_valid;")
    e(f"{declaration(accumulator)};")
    e(f"{declaration(drive)};")
    wires = [*stream_wires(stream), *load_wires(weights), ("step_done", "step_done")]
    wires += [("valid", "sweep_valid"), ("accumulator", "accumulator")]
    connect(e, f"{name}_dense", "dense", wires)
    wires = [("valid", "sweep_valid"), ("accumulator", "accumulator"), ("valid_out", "drive_valid")]
    connect(e, f"{name}_drive", "rescale", [*wires, ("drive", "drive")])
    counter(e, "drive_index", "drive_valid", layer.width)


def _states(e: Emitter, files: Files, name: str, layer: SpikingLayer, datapath: Datapath) -> None:
    """The state memories and the datapath between their read and their write."""
    n, neurons = layer.neuron, layer.width
    depth, index = max(neurons, 2), clog2(neurons)
    membrane, refractory = datapath.membrane, datapath.refractory
    outputs = [Value(f"{state.name}_next", state.interval, 0) for state in (membrane, refractory)]
    e(f"// States: membrane {n.membrane.format}, and the refractory counter in steps.")
    for state, memory in ((membrane, "membranes"), (refractory, "refractories")):
        e(f"logic signed [{state.width - 1}:0] {memory} [0:{depth - 1}];")
        e(f"{declaration(state)};")
        e(f"always_ff @(posedge clk) {state.name} <= {memory}[drive_index];")
    e(f"logic signed [{datapath.drive.width - 1}:0] neuron_drive;")
    e("logic neuron_valid, neuron_done, spike;")
    e("always_ff @(posedge clk) neuron_valid <= drive_valid && !rst;")
    e("always_ff @(posedge clk) neuron_drive <= drive;")
    varying = tuple(field for field in neuron_fields(n) if not field.uniform)
    if varying:
        rom = Rom("constant", f"{name}_neurons.hex", varying, depth)
        files[rom.file] = rom.text()
        rom.write(e, "drive_index")
    for output in outputs:
        e(f"{declaration(output)};")
    wires = [("valid", "neuron_valid"), ("drive", "neuron_drive")]
    wires += [(value.name, value.name) for value in (membrane, refractory, *datapath.parameters)]
    wires += [("valid_out", "neuron_done"), *((value.name, value.name) for value in outputs)]
    connect(e, datapath.name, "neuron", [*wires, ("spike", "spike")])
    counter(e, "done_index", "neuron_done", neurons)
    clearing(e, neurons)
    initial = neuron_field("initial_membrane", n.initial)
    e("// After a reset the states start from their initial values, a clock behind `cleared`.")
    e("logic starting;")
    e(f"logic [{index - 1}:0] start_index;")
    e("always_ff @(posedge clk) starting <= clearing && !rst;")
    e(f"always_ff @(posedge clk) start_index <= cleared[{index - 1}:0];")
    if initial.uniform:
        e(
            f"localparam {declaration(Value('INITIAL', membrane.interval, None))} = "
            f"{literal(initial.interval.lo, membrane.width)};"
        )
        start = "INITIAL"
    else:
        rom = Rom("initials", f"{name}_initial.hex", (initial,), depth)
        files[rom.file] = rom.text()
        rom.write(e, f"cleared[{index - 1}:0]")
        (value,) = rom.outputs(0)
        start = value.name if value.width == membrane.width else f"{membrane.width}'({value.name})"
    e(f"logic [{index - 1}:0] state_address;")
    e("assign state_address = starting ? start_index : done_index;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (starting || neuron_done) begin")
        with e.indent():
            e(f"membranes[state_address] <= starting ? {start} : membrane_next;")
            e("refractories[state_address] <= starting ? '0 : refractory_next;")
        e("end")
    e()


def _spikes(e: Emitter, neurons: int) -> None:
    """The list of the neurons that spiked, sent when all neurons are done."""
    index = clog2(neurons)
    e("// Spikes are listed while the neurons are updated, then sent, then the tick.")
    e("typedef enum logic [1:0] {COLLECT, FETCH, SEND, TICK} phase_t;")
    e("phase_t phase;")
    e(f"logic [{index - 1}:0] events [0:{max(neurons, 2) - 1}];")
    e(f"logic [{index}:0] listed, sent;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"if (neuron_done && spike) events[listed[{index - 1}:0]] <= done_index;")
    e(f"always_ff @(posedge clk) out_index <= events[sent[{index - 1}:0]];")
    _phases(e, index, "neuron_done", "done_index", "sent == listed")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) listed <= '0;")
        e("else if (neuron_done && spike) listed <= listed + 1'b1;")


def _phases(e: Emitter, index: int, done: str, done_index: str, finished: str) -> None:
    e("assign out_valid = phase == SEND || phase == TICK;")
    e("assign out_tick = phase == TICK;")
    # A register: the handshakes of neighbouring layers would be one long path otherwise.
    e("always_ff @(posedge clk) step_done <= out_tick && out_ready && !rst;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst) phase <= COLLECT;")
        e("else case (phase)")
        with e.indent():
            e(f"COLLECT: if ({done} && {done_index} == {index}'(NEURONS - 1)) phase <= FETCH;")
            e(f"FETCH:   phase <= ({finished}) ? TICK : SEND;")
            e("SEND:    if (out_ready) phase <= FETCH;")
            e("TICK:    if (out_ready) phase <= COLLECT;")
        e("endcase")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (rst || step_done) sent <= '0;")
        e("else if (phase == SEND && out_ready) sent <= sent + 1'b1;")


def _values(e: Emitter, neurons: int, value: Value) -> None:
    """The new values, kept until they are sent."""
    index = clog2(neurons)
    e("typedef enum logic [1:0] {COLLECT, FETCH, SEND, TICK} phase_t;")
    e("phase_t phase;")
    e(f"logic signed [{value.width - 1}:0] values [0:{max(neurons, 2) - 1}];")
    e(f"logic [{index}:0] sent;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e("if (drive_valid) values[drive_index] <= drive;")
    e(f"assign out_index = sent[{index - 1}:0];")
    e(f"always_ff @(posedge clk) out_value <= values[sent[{index - 1}:0]];")
    _phases(e, index, "drive_valid", "drive_index", f"sent == {index + 1}'(NEURONS)")
