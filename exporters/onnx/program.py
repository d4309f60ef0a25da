"""An integer program as ONNX: the whole sequence in one `Scan`, or one step (docs/onnx.md).

Integers only, opset 18. Signals and states keep their names. Both models take the states as inputs that have
defaults, so feeding `spikes` alone runs from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import helper

from quantize.graph.layers import Graph, full_name
from quantize.program.label import Label, label_of
from quantize.program.program import Program
from quantize.run.states import initial_state, state_range

from .beside import Beside, save_model
from .builder import BATCH, IR_VERSION, STEPS, GraphBuilder, constant, value
from .interface import describe
from .lint import check_portable
from .ports import FINAL, NEXT, SPIKES, START, Form, Port, check_names, input_kind, ports_of
from .primitives import DOMAIN, OPSET, functions
from .step import add_step, batch_of
from .values import Value, expanded

__all__ = ["Form", "inlined", "save_program", "sequence_model", "step_model"]

_STATE_BATCH = "state_batch"


def sequence_model(graph: Graph, label: Label, beside: Beside | None = None) -> onnx.ModelProto:
    """The whole sequence in one `Scan`.

    Inputs: `spikes`, bytes `[steps, batch, channels]`, and for each state `<state>.initial`, `[state_batch,
    units]` with the program's start as its default (`state_batch` is `batch` or 1). Outputs: every signal,
    `[steps, batch, units]`, and for each state `<state>.final`, `[batch, units]`. The types are those of
    `exporters.onnx.ports`.

    Args:
        graph: what the model computes.
        label: for the metadata.
        beside: takes large weights, for `exporters.onnx.beside.save_model`; by default the model holds them.

    Raises:
        ParameterError, RangeError: see `quantize.graph.proof.prove_graph`.
        UnsupportedError: the input is wider than a byte, or two inputs or outputs would have one name.
    """
    ports = ports_of(graph)
    body = GraphBuilder(beside=beside)
    now = {name: Value(f"{name}/now", port.kind) for name, port in ports.states.items()}
    step = add_step(body, graph, f"{SPIKES}/step", now)
    carried = [_emit(body, step.after[name], f"{name}/next", port) for name, port in ports.states.items()]
    told = [_emit(body, step.signals[name], f"{name}/step", port) for name, port in ports.signals.items()]
    inputs = [value(one.tensor, one.kind, [BATCH, ports.states[name].width]) for name, one in now.items()]
    kind = input_kind(graph.input.dtype)
    inputs.append(value(f"{SPIKES}/step", kind, [BATCH, graph.input.channels]))
    # Constants live in the body, so that no runtime has to look for names outside a Scan.
    scanned = helper.make_graph(body.nodes, "step", inputs, [*carried, *told], body.constants)
    outer = GraphBuilder(functions=body.functions, beside=beside)
    starts = _starts(outer, ports.states, START["sequence"], batch_axis=1)
    finals = {f"{name}{FINAL}": port for name, port in ports.states.items()}
    outputs = [*finals, *ports.signals]
    scan = helper.make_node(
        "Scan", [*starts, SPIKES], outputs, name="sequence", body=scanned, num_scan_inputs=1
    )
    outer.nodes.append(scan)
    given = value(SPIKES, kind, [STEPS, BATCH, graph.input.channels])
    taken = [value(name, port.kind, [STEPS, BATCH, port.width]) for name, port in ports.signals.items()]
    taken += [value(name, port.kind, [BATCH, port.width]) for name, port in finals.items()]
    return _model(graph, label, outer, "sequence", given, taken)


def step_model(graph: Graph, label: Label, beside: Beside | None = None) -> onnx.ModelProto:
    """One step; arguments and errors as `sequence_model`.

    Inputs: `spikes`, bytes `[batch, channels]`, and for each state `<state>.previous`, `[state_batch, units]`
    with the program's start as its default. Outputs: every signal, `[batch, units]`, and `<state>.next` for
    each state that is no signal. Feed `<state>`, or else `<state>.next`, back as `<state>.previous`.
    """
    ports = ports_of(graph)
    builder = GraphBuilder(beside=beside)
    starts = _starts(builder, ports.states, START["step"], batch_axis=0)
    now = {
        name: Value(start, port.kind)
        for start, (name, port) in zip(starts, ports.states.items(), strict=True)
    }
    step = add_step(builder, graph, SPIKES, now)
    taken = [_emit(builder, step.signals[name], name, port) for name, port in ports.signals.items()]
    taken += [
        _emit(builder, step.after[name], f"{name}{NEXT}", port)
        for name, port in ports.states.items()
        if name not in ports.signals
    ]
    given = value(SPIKES, input_kind(graph.input.dtype), [BATCH, graph.input.channels])
    return _model(graph, label, builder, "step", given, taken)


def save_program(program: Program, form: Form, path: Path) -> None:
    """Write the model of `program` to `path`, whole or not at all, with large weights beside it.

    Raises:
        UnsupportedError: see `sequence_model`.
        FileFormatError: a file cannot be written, or a text of the program breaks its rule.
    """
    beside = Beside()
    build = sequence_model if form == "sequence" else step_model
    save_model(build(program.graph, label_of(program), beside), beside, path)


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with every function replaced by its standard operators, for runtimes without functions."""
    from onnx import inliner

    return inliner.inline_local_functions(model)


def _starts(builder: GraphBuilder, states: Mapping[str, Port], suffix: str, batch_axis: int) -> list[str]:
    """Bring each state input from `[state_batch, units]` to `[batch, units]`."""
    batch = batch_of(builder, SPIKES, batch_axis) if states else ""
    return [
        expanded(builder, f"{name}{suffix}", f"{name}/start", (batch, port.width))
        for name, port in states.items()
    ]


def _emit(builder: GraphBuilder, result: Value, output: str, port: Port) -> onnx.ValueInfoProto:
    """Hand on `result` as the output `output` of the graph."""
    if result.kind == port.kind:
        builder.node("Identity", [result.tensor], output)
    else:
        builder.cast(result.tensor, output, port.kind)
    return value(output, port.kind, [BATCH, port.width])


def _model(
    graph: Graph,
    label: Label,
    builder: GraphBuilder,
    form: Form,
    given: onnx.ValueInfoProto,
    taken: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    states = {f"{name}{START[form]}": port for name, port in ports_of(graph).states.items()}
    starts = initial_state(graph, batch=1).values()
    defaults = [
        constant(name, initial.astype(helper.tensor_dtype_to_np_dtype(port.kind)))
        for (name, port), initial in zip(states.items(), starts, strict=True)
    ]
    inputs = [given, *(value(name, port.kind, [_STATE_BATCH, port.width]) for name, port in states.items())]
    check_names([entry.name for entry in [*inputs, *taken]])
    model = helper.make_model(
        helper.make_graph(builder.nodes, f"expifref_{form}", inputs, taken, [*defaults, *builder.constants]),
        functions=functions(builder.functions),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
        producer_name=f"expifref {label.tool_version}",
    )
    describe(model, _metadata(graph, label, form))
    if builder.beside is None or not builder.beside.arrays:  # else it is checked when its files are there
        onnx.checker.check_model(model, full_check=True)
    check_portable(model)
    return model


def _metadata(graph: Graph, label: Label, form: Form) -> dict[str, str]:
    last = graph.by_name[graph.output]
    outputs = [full_name(last.name, key) for key, result in last.signals.items() if result == last.output]
    metadata = {
        "form": form,
        "spec": label.spec,
        "digest": label.digest,
        "dt_seconds": repr(label.dt_seconds),
        "input_bits": str(graph.input.format.bits),
        "encoder": label.encoder,
        "tool": f"expifref {label.tool_version}",
    }
    ranges = ((name, *state_range(graph, name)) for name in graph.state_units)
    metadata |= {f"state{n}": f"{name} {lo}..{hi}" for n, (name, lo, hi) in enumerate(ranges)}
    return metadata | {"output": outputs[0]} if outputs else metadata
