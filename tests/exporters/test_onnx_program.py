"""Integer programs in ONNX: every signal of every step equal to two readings of the specification."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from exporters.onnx.executor import Backend, OnnxExecutor
from exporters.onnx.lint import float_tensors
from exporters.onnx.program import inlined
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.states import initial_state, state_range
from quantize.run.trace import Execution
from tests.amount import some
from tests.programs import random_input, random_program, random_state

from .models import sequence_of, step_of

FORMS = {"sequence": sequence_of, "step": step_of}
BACKENDS: tuple[Backend, ...] = ("onnxruntime", "reference")


def assert_equal(actual: Execution, expected: Execution) -> None:
    assert set(actual.signals) == set(expected.signals)
    assert set(actual.state) == set(expected.state)
    for name, values in expected.signals.items():
        np.testing.assert_array_equal(actual.signals[name], values, err_msg=name)
    for name, values in expected.state.items():
        np.testing.assert_array_equal(actual.state[name], values, err_msg=f"{name} after the last step")


def run_everywhere(program: Program, steps: int, batch: int, seed: int, start: bool) -> Execution:
    """Run in the emulator and both models in both runtimes; all must be equal."""
    spikes = random_input(program, steps, batch, seed)
    state = random_state(program, batch, seed) if start else None
    expected = Emulator(program).run(spikes, state)
    for export in FORMS.values():
        model = export(program)
        for backend in BACKENDS:
            assert_equal(OnnxExecutor(model, backend).run(spikes, state), expected)
    return expected


@pytest.mark.parametrize("seed", some(range(40), 4))
def test_random_programs_are_equal_in_every_executor(seed: int) -> None:
    program = random_program(seed)
    run_everywhere(program, steps=6, batch=2, seed=seed, start=seed % 3 > 0)


@pytest.mark.parametrize("weight_bits", [3, 8, 9, 16, 17, 28])
@pytest.mark.parametrize("input_bits", [1, 7, 8])
def test_products_of_every_width_are_equal(input_bits: int, weight_bits: int) -> None:
    program = random_program(
        weight_bits, layers=1, input_bits=input_bits, weight_bits=weight_bits, widths=[40, 20]
    )
    trace = run_everywhere(program, steps=3, batch=4, seed=weight_bits, start=False)
    largest = np.abs(trace.signals[program.signal_names[0]]).max()
    assert largest > 2 ** (weight_bits + input_bits - 2)


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 5), (9, 1)])
def test_any_length_and_batch(steps: int, batch: int) -> None:
    run_everywhere(random_program(11, layers=2, readout=True), steps, batch, seed=3, start=True)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("form", FORMS)
def test_two_halves_are_one_run(form: str, backend: Backend) -> None:
    program = random_program(5, layers=3, readout=True)
    spikes = random_input(program, 10, 3, seed=1)
    executor = OnnxExecutor(FORMS[form](program), backend)
    whole = executor.run(spikes)
    first = executor.run(spikes[:4])
    second = executor.run(spikes[4:], first.state)
    joined = {name: np.concatenate([first.signals[name], second.signals[name]]) for name in whole.signals}
    assert_equal(Execution(joined, second.state), whole)


@pytest.mark.parametrize("seed", some(range(6), 2))
@pytest.mark.parametrize("form", FORMS)
def test_inlined_copy_is_equal_and_has_no_functions(form: str, seed: int) -> None:
    program = random_program(seed)
    model = inlined(FORMS[form](program))
    assert not model.functions
    onnx.checker.check_model(model, full_check=True)
    spikes, state = random_input(program, 5, 2, seed), random_state(program, 2, seed)
    for backend in BACKENDS:
        assert_equal(OnnxExecutor(model, backend).run(spikes, state), Emulator(program).run(spikes, state))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("form", FORMS)
def test_no_tensor_is_float(form: str, seed: int) -> None:
    model = FORMS[form](random_program(seed))
    assert list(float_tensors(model)) == []
    assert {node.domain for function in model.functions for node in function.node} <= {"", "expifref"}
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18), ("expifref", 1)]


def test_inputs_and_outputs_of_a_sequence_model() -> None:
    program = random_program(5, layers=2, readout=True)
    graph = sequence_of(program).graph
    assert [entry.name for entry in graph.input] == [
        "spikes",
        *(f"{name}.initial" for name in program.state_names),
    ]
    assert [entry.name for entry in graph.output] == [
        *program.signal_names,
        *(f"{name}.final" for name in program.state_names),
    ]
    spikes = graph.input[0].type.tensor_type
    assert spikes.elem_type == TensorProto.UINT8
    assert [dim.dim_param or dim.dim_value for dim in spikes.shape.dim] == [
        "steps",
        "batch",
        program.graph.input.channels,
    ]


def test_inputs_and_outputs_of_a_step_model() -> None:
    program = random_program(5, layers=2, readout=False)
    graph = step_of(program).graph
    assert [entry.name for entry in graph.input] == [
        "spikes",
        *(f"{name}.previous" for name in program.state_names),
    ]
    assert [entry.name for entry in graph.output] == list(program.signal_names)
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in graph.output}
    assert kinds["layer1.spikes"] == TensorProto.UINT8
    assert kinds["layer1.membrane"] == TensorProto.INT32


def test_signals_wider_than_32_bits_are_int64() -> None:
    program = next(p for p in map(random_program, range(200)) if _readout_bits(p) > 32)
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in sequence_of(program).graph.output}
    assert kinds["readout"] == kinds["readout.final"] == TensorProto.INT64


def _readout_bits(program: Program) -> int:
    readout = program.graph.by_name.get("readout")
    return 0 if readout is None else readout.states["output"].format.bits


@pytest.mark.parametrize("backend", BACKENDS)
def test_plain_runtimes_start_from_the_defaults(backend: Backend) -> None:
    program = random_program(8, layers=2, readout=True)
    spikes = random_input(program, 6, 3, seed=4)
    expected = Emulator(program).run(spikes).signals["readout"]
    model = sequence_of(program)
    np.testing.assert_array_equal(_plain_run(backend, model, {"spikes": spikes}, "readout"), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_plain_runtimes_take_one_state_row_for_the_whole_batch(backend: Backend) -> None:
    program = random_program(8, layers=2, readout=True)
    spikes, row = random_input(program, 6, 3, seed=4), random_state(program, 1, seed=2)
    state = {name: np.repeat(values, 3, axis=0) for name, values in row.items()}
    expected = Emulator(program).run(spikes, state).signals["readout"]
    model = sequence_of(program)
    kinds = {entry.name: entry.type.tensor_type.elem_type for entry in model.graph.input}
    feeds: dict[str, NDArray[Any]] = {"spikes": spikes}
    for name, values in row.items():
        kind = np.int64 if kinds[f"{name}.initial"] == TensorProto.INT64 else np.int32
        feeds[f"{name}.initial"] = values.astype(kind)
    np.testing.assert_array_equal(_plain_run(backend, model, feeds, "readout"), expected)


def _plain_run(
    backend: Backend,
    model: onnx.ModelProto,
    feeds: dict[str, NDArray[Any]],
    output: str,
) -> object:
    if backend == "reference":
        return next(iter(ReferenceEvaluator(model).run([output], feeds)))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run([output], feeds)[0]


def test_default_states_are_the_initial_state() -> None:
    program = random_program(8, layers=2, readout=True)
    stored = {t.name: numpy_helper.to_array(t) for t in step_of(program).graph.initializer}
    for name, values in initial_state(program.graph, batch=1).items():
        np.testing.assert_array_equal(stored[f"{name}.previous"], values)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "constant", ["constants/threshold", "tables/growth/rows", "feeds/0/weight", "constants/reset"]
)
def test_one_lsb_changes_the_result(constant: str, form: str) -> None:
    """The comparison above can fail."""
    program = random_program(1, layers=1, readout=False, widths=[30, 30])
    spikes, state = random_input(program, 20, 8, seed=1), random_state(program, 8, seed=1)
    model = FORMS[form](program)
    graph = model.graph if form == "step" else model.graph.node[-1].attribute[0].g
    tensor = next(t for t in graph.initializer if t.name == f"layer0/{constant}")
    values = numpy_helper.to_array(tensor)
    tensor.CopyFrom(numpy_helper.from_array(values ^ values.dtype.type(1), tensor.name))
    with pytest.raises(AssertionError, match="layer0"):
        assert_equal(OnnxExecutor(model).run(spikes, state), Emulator(program).run(spikes, state))


def test_metadata_says_where_the_model_comes_from() -> None:
    program = random_program(5, readout=True)
    metadata = {entry.key: entry.value for entry in sequence_of(program).metadata_props}
    assert metadata.pop("expifref.digest").startswith("sha256:")
    ranges = {name: "{}..{}".format(*state_range(program.graph, name)) for name in program.state_names}
    states = {f"expifref.state{n}": f"{name} {ranges[name]}" for n, name in enumerate(ranges)}
    assert metadata == {
        "expifref.form": "sequence",
        "expifref.spec": "2",
        "expifref.dt_seconds": "0.001",
        "expifref.input_bits": str(program.graph.input.format.bits),
        "expifref.encoder": program.encoder,
        "expifref.output": "readout",
        "expifref.tool": f"expifref {program.evidence.tool_version}",
        **states,
    }
