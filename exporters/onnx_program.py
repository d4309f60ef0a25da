"""An integer program as ONNX: the whole sequence in one `Scan`, or one step (docs/onnx.md).

Integers only, opset 18. Signals keep the names of docs/spec.md section 6. Both models take the state as
inputs that have defaults, so feeding `spikes` alone runs from the start.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from quantize.emulator import initial_state
from quantize.formats import Format
from quantize.program import SPEC_VERSION, Program, ReadoutLayer, layer_prefix
from quantize.program_io import digest

from .onnx_beside import Beside, save_model
from .onnx_graph import BATCH, INT32, INT64, IR_VERSION, STEPS, UINT8, GraphBuilder, Port, constant, value
from .onnx_interface import describe
from .onnx_layers import add_layer
from .onnx_lint import check_portable
from .onnx_primitives import DOMAIN, OPSET, functions

__all__ = ["Form", "inlined", "save_program", "sequence_model", "step_model"]

Form = Literal["sequence", "step"]

_STATE_BATCH = "state_batch"


def sequence_model(program: Program, tool: str = "expifref", beside: Beside | None = None) -> onnx.ModelProto:
    """The whole sequence in one `Scan`.

    Inputs: `spikes`, uint8 `[steps, batch, inputs]`, and for each state `<state>.initial`, `[state_batch,
    neurons]` with the program's start as its default (`state_batch` is `batch` or 1). Outputs: every
    signal, `[steps, batch, neurons]`, and for each state `<state>.final`, `[batch, neurons]`. Spikes are
    uint8; the others int32, or int64 where their format is wider than 32 bits.

    Args:
        program: a proven program.
        tool: name and version of what exports, for the metadata.
        beside: takes large weights, for `exporters.onnx_beside.save_model`; by default the model holds them.

    Raises:
        UnsupportedError: a shift is too large for an int64 constant.
    """
    signals, states = _ports(program), _states(program)
    body = GraphBuilder(beside=beside)
    inside = {name: replace(port, tensor=f"{name}.step") for name, port in signals.items()}
    _add_step(body, program, "spikes.step", {name: f"{name}.now" for name in states}, inside)
    for name in states:
        body.node("Identity", [f"{name}.step"], f"{name}.carried")
    outer = GraphBuilder(functions=body.functions, beside=beside)
    starts = _add_starts(outer, states, ".initial", batch_axis=1)
    outer.nodes.append(
        helper.make_node(
            "Scan",
            [*starts.values(), "spikes"],
            [*(f"{name}.final" for name in states), *signals],
            name="sequence",
            body=_scan_body(body, program, states, inside),
            num_scan_inputs=1,
        )
    )
    spikes = value("spikes", UINT8, [STEPS, BATCH, program.input.channels])
    outputs = [value(name, port.kind, [STEPS, BATCH, port.width]) for name, port in signals.items()]
    outputs += [value(f"{name}.final", port.kind, [BATCH, port.width]) for name, port in states.items()]
    return _model(program, outer, "sequence", tool, spikes, states, outputs)


def step_model(program: Program, tool: str = "expifref", beside: Beside | None = None) -> onnx.ModelProto:
    """One step; arguments as `sequence_model`.

    Inputs: `spikes`, uint8 `[batch, inputs]`, and for each state `<state>.previous`, `[state_batch,
    neurons]` with the program's start as its default. Outputs: every signal, `[batch, neurons]`. Each
    state is a signal too: feed `<state>` back as `<state>.previous`.

    Raises:
        UnsupportedError: a shift is too large for an int64 constant.
    """
    signals, states = _ports(program), _states(program)
    builder = GraphBuilder(beside=beside)
    starts = _add_starts(builder, states, ".previous", batch_axis=0)
    _add_step(builder, program, "spikes", starts, signals)
    spikes = value("spikes", UINT8, [BATCH, program.input.channels])
    outputs = [value(name, port.kind, [BATCH, port.width]) for name, port in signals.items()]
    return _model(program, builder, "step", tool, spikes, states, outputs)


def save_program(program: Program, form: Form, path: Path) -> None:
    """Write the model of `program` to `path`, whole or not at all, with large weights beside it.

    Raises:
        UnsupportedError: see `sequence_model`.
        FileFormatError: a file cannot be written, or a text of the program breaks its rule.
    """
    beside = Beside()
    model = (sequence_model if form == "sequence" else step_model)(program, beside=beside)
    save_model(model, beside, path)


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with every primitive replaced by its standard operators, for runtimes without functions."""
    from onnx import inliner

    return inliner.inline_local_functions(model)


def _ports(program: Program) -> dict[str, Port]:
    """Every signal under its own name, in the order of the specification."""
    ports: dict[str, Port] = {}
    for index, layer in enumerate(program.layers):
        prefix = layer_prefix(index, layer)
        kinds = {f"{prefix}.accumulator": _kind(layer.dense.accumulator)}
        if isinstance(layer, ReadoutLayer):
            kinds[prefix] = _kind(layer.filter.site.format)
        else:
            if layer.synapse is not None:
                kinds[f"{prefix}.filter"] = _kind(layer.synapse.filter.site.format)
            kinds[f"{prefix}.drive"] = _kind(layer.drive.format)
            kinds[f"{prefix}.membrane"] = _kind(layer.neuron.membrane.format)
            # A counter has no format of its own; this is the narrowest that holds it.
            steps = int(layer.neuron.refractory_steps.max())
            kinds[f"{prefix}.refractory"] = _kind(Format(False, max(steps.bit_length(), 1), 0))
            kinds[f"{prefix}.spikes"] = UINT8
        ports |= {name: Port(name, kind, layer.width) for name, kind in kinds.items()}
    return ports


def _states(program: Program) -> dict[str, Port]:
    ports = _ports(program)
    return {name: ports[name] for name in program.state_names}


def _kind(fmt: Format) -> int:
    word = np.iinfo(np.int32)
    return INT32 if word.min <= fmt.lo and fmt.hi <= word.max else INT64


def _scan_body(
    builder: GraphBuilder, program: Program, states: dict[str, Port], signals: dict[str, Port]
) -> onnx.GraphProto:
    inputs = [value(f"{name}.now", port.kind, [BATCH, port.width]) for name, port in states.items()]
    inputs.append(value("spikes.step", UINT8, [BATCH, program.input.channels]))
    outputs = [value(f"{name}.carried", port.kind, [BATCH, port.width]) for name, port in states.items()]
    outputs += [value(port.tensor, port.kind, [BATCH, port.width]) for port in signals.values()]
    # Constants live in the body, so that no runtime has to look for names outside a Scan.
    return helper.make_graph(builder.nodes, "step", inputs, outputs, builder.constants)


def _add_step(
    builder: GraphBuilder, program: Program, spikes: str, state: dict[str, str], signals: dict[str, Port]
) -> None:
    """One step of every layer: reads `spikes` and the tensors `state` names, writes `signals`."""
    source, hi = spikes, program.input.hi
    if hi < np.iinfo(np.uint8).max:
        # Input outside the port has no meaning; the bound makes the product below safe for any bytes.
        lowest = builder.constant("input.lo", np.array(0, np.uint8))
        highest = builder.constant("input.hi", np.array(hi, np.uint8))
        source = builder.node("Clip", [spikes, lowest, highest], "input")
    for index, layer in enumerate(program.layers):
        source = add_layer(builder, layer_prefix(index, layer), layer, source, hi, state, signals)
        hi = 1


def _add_starts(
    builder: GraphBuilder, states: dict[str, Port], suffix: str, batch_axis: int
) -> dict[str, str]:
    """Bring each state input from `[state_batch, neurons]` to `[batch, neurons]`."""
    batch = builder.node("Shape", ["spikes"], "batch", start=batch_axis, end=batch_axis + 1)
    starts = {}
    for name, port in states.items():
        width = builder.constant(f"{name}.width", np.array([port.width], np.int64))
        shape = builder.node("Concat", [batch, width], f"{name}.shape", axis=0)
        starts[name] = builder.node("Expand", [f"{name}{suffix}", shape], f"{name}.start")
    return starts


def _model(
    program: Program,
    builder: GraphBuilder,
    form: str,
    tool: str,
    spikes: onnx.ValueInfoProto,
    states: dict[str, Port],
    outputs: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    suffix = ".initial" if form == "sequence" else ".previous"
    defaults = [
        constant(f"{name}{suffix}", initial.astype(helper.tensor_dtype_to_np_dtype(states[name].kind)))
        for name, initial in initial_state(program, batch=1).items()
    ]
    graph = helper.make_graph(
        builder.nodes,
        f"expifref_{form}",
        [spikes, *(value(f"{name}{suffix}", p.kind, [_STATE_BATCH, p.width]) for name, p in states.items())],
        outputs,
        [*defaults, *builder.constants],
    )
    model = helper.make_model(
        graph,
        functions=functions(builder.functions),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name=tool,
    )
    metadata = {
        "form": form,
        "spec": SPEC_VERSION,
        "digest": digest(program),
        "dt_seconds": repr(program.dt_seconds),
        "input_bits": str(program.input.bits),
        "encoder": program.input.encoder,
        "output": program.output_name,
        "tool": tool,
    }
    describe(model, metadata)
    if builder.beside is None or not builder.beside.arrays:  # else it is checked when its files are there
        onnx.checker.check_model(model, full_check=True)
    check_portable(model)
    return model
