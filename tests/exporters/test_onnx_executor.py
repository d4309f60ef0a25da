"""What the ONNX executor refuses, and that it keeps quiet."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, parser

from expifref.exceptions import DataError, FileFormatError, ParameterError
from expifref.files.texts import shown
from exporters.onnx.executor import OnnxExecutor, load_model
from quantize.program.program import Program
from tests.programs import random_input, random_program, random_state

from .models import sequence_of, step_of


@pytest.fixture(scope="module")
def program() -> Program:
    return random_program(5, layers=2, readout=True, widths=[6, 5, 3])


@pytest.fixture(scope="module")
def model(program: Program) -> onnx.ModelProto:
    return sequence_of(program)


def copy(model: onnx.ModelProto) -> onnx.ModelProto:
    other = onnx.ModelProto()
    other.CopyFrom(model)
    return other


def test_a_model_is_taken_as_object_bytes_or_path(
    program: Program, model: onnx.ModelProto, tmp_path: Path
) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(model.SerializeToString())
    spikes = random_input(program, 3, 2, seed=1)
    results = [OnnxExecutor(m).run(spikes) for m in (model, model.SerializeToString(), path)]
    for result in results:
        np.testing.assert_array_equal(result.signals["readout"], results[0].signals["readout"])


@pytest.mark.parametrize("export", [sequence_of, step_of])
def test_only_the_signals_that_were_asked_for_come_back(program: Program, export: type) -> None:
    executor = OnnxExecutor(export(program))
    result = executor.run(random_input(program, 3, 2, seed=1), signals=["readout", "layer0.spikes"])
    assert list(result.signals) == ["readout", "layer0.spikes"]
    assert set(result.state) == set(program.state_names)
    assert all(values.dtype == np.int64 for values in result.signals.values())


def test_a_state_that_is_not_given_starts_as_the_program_says(
    program: Program, model: onnx.ModelProto
) -> None:
    spikes, state = random_input(program, 3, 2, seed=1), random_state(program, 2, seed=1)
    part = {"layer0.membrane": state["layer0.membrane"]}
    whole = {name: np.zeros_like(values) for name, values in state.items()} | part
    executor = OnnxExecutor(model)
    np.testing.assert_array_equal(
        executor.run(spikes, part).signals["readout"], executor.run(spikes, whole).signals["readout"]
    )


def test_nothing_is_printed(
    program: Program, model: onnx.ModelProto, capfd: pytest.CaptureFixture[str]
) -> None:
    for backend in ("onnxruntime", "reference"):
        OnnxExecutor(model, backend).run(random_input(program, 2, 1, seed=1))
    assert capfd.readouterr() == ("", "")


LACKS = (
    "the ONNX model must be an integer program exported by expifref, but lacks an input `spikes` "
    "or the metadata of one (expifref.digest, expifref.encoder, expifref.form, expifref.input_bits, "
    "expifref.spec)"
)


def test_foreign_model_is_refused() -> None:
    text = '<ir_version: 8, opset_import: ["" : 18]> g (int64[N] x) => (int64[N] y) { y = Identity (x) }'
    with pytest.raises(FileFormatError, match=f"^{re.escape(LACKS)}$"):
        OnnxExecutor(parser.parse_model(text))


def test_incomplete_metadata_is_refused(model: onnx.ModelProto) -> None:
    other = copy(model)
    other.metadata_props.remove(next(e for e in other.metadata_props if e.key == "expifref.digest"))
    with pytest.raises(FileFormatError, match=f"^{re.escape(LACKS)}$"):
        OnnxExecutor(other)


def test_invalid_graph_is_refused(model: onnx.ModelProto) -> None:
    other = copy(model)
    other.graph.node[-1].input[0] = "nowhere"
    with pytest.raises(
        FileFormatError, match=r"^the model must be a valid ONNX model, but is not: .*nowhere"
    ):
        OnnxExecutor(other.SerializeToString())


def test_other_version_of_the_specification_is_refused(model: onnx.ModelProto) -> None:
    other = copy(model)
    next(entry for entry in other.metadata_props if entry.key == "expifref.spec").value = "9"
    with pytest.raises(
        FileFormatError, match=r"^the ONNX model must follow version 2 of the specification, not 9$"
    ):
        OnnxExecutor(other)


def test_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\x08\xff\xff")
    message = f"`{path}` must be an ONNX model, but cannot be parsed: export it anew"
    with pytest.raises(FileFormatError, match=f"^{re.escape(message)}$"):
        load_model(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.onnx"
    with pytest.raises(
        FileFormatError, match=f"^{re.escape(f'`{path}`')} cannot be read: No such file or directory$"
    ):
        load_model(path)


def test_weights_in_other_files_are_refused(model: onnx.ModelProto) -> None:
    other = copy(model)
    other.graph.initializer[-1].data_location = TensorProto.EXTERNAL
    with pytest.raises(
        FileFormatError, match=r"^the model must hold its own weights, but refers to other files$"
    ):
        OnnxExecutor(other.SerializeToString())


def test_constants_in_other_files_are_refused_inside_functions_too(model: onnx.ModelProto) -> None:
    other = copy(model)
    hidden = other.functions[0].node.add(op_type="Constant", output=["hidden"])
    hidden.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.data_location = TensorProto.EXTERNAL
    with pytest.raises(FileFormatError, match=r"refers to other files$"):
        OnnxExecutor(other.SerializeToString())


PLACES: dict[str, Callable[[onnx.ModelProto], TensorProto]] = {
    "values of a sparse constant": lambda m: m.graph.sparse_initializer.add().values,
    "indices of a sparse constant": lambda m: m.graph.sparse_initializer.add().indices,
    "sparse attribute": lambda m: attribute(m, "SPARSE_TENSOR").sparse_tensor.values,
    "sparse attributes": lambda m: attribute(m, "SPARSE_TENSORS").sparse_tensors.add().indices,
    "constant of a subgraph": lambda m: attribute(m, "GRAPH").g.initializer.add(),
    "sparse constant of subgraphs": lambda m: (
        attribute(m, "GRAPHS").graphs.add().sparse_initializer.add().values
    ),
    "default of a function": lambda m: m.functions[0].attribute_proto.add(name="a").t,
}


def attribute(model: onnx.ModelProto, kind: str) -> onnx.AttributeProto:
    node = model.functions[0].node.add(op_type="Constant", output=["hidden"])
    made: onnx.AttributeProto = node.attribute.add(
        name="value", type=onnx.AttributeProto.AttributeType.Value(kind)
    )
    return made


@pytest.mark.parametrize("place", PLACES)
def test_a_file_is_followed_from_nowhere_in_a_model(
    model: onnx.ModelProto, place: str, tmp_path: Path
) -> None:
    other = copy(model)
    tensor = PLACES[place](other)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    with pytest.raises(
        FileFormatError, match=r"^the model must hold its own weights, but refers to other files$"
    ):
        load_model(other.SerializeToString())
    path = tmp_path / "n.onnx"
    path.write_bytes(other.SerializeToString())
    with pytest.raises(FileFormatError, match=r" must name a file in its own folder, not \"../secret\"$"):
        load_model(path)


def test_training_information_is_refused(model: onnx.ModelProto) -> None:
    other = copy(model)
    other.training_info.add().algorithm.initializer.add().data_location = TensorProto.EXTERNAL
    with pytest.raises(
        FileFormatError, match=r"^the model must be a model for inference, but holds training information$"
    ):
        load_model(other.SerializeToString())


def with_input_bits(model: onnx.ModelProto, bits: str) -> onnx.ModelProto:
    other = copy(model)
    next(entry for entry in other.metadata_props if entry.key == "expifref.input_bits").value = bits
    return other


@pytest.mark.parametrize("bits", ["abc", "", "0", "9"])
def test_an_input_of_no_width_is_refused(model: onnx.ModelProto, bits: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        OnnxExecutor(with_input_bits(model, bits))
    assert str(caught.value) == (
        f'the ONNX model must state an `expifref.input_bits` of 1 to 8, not "{bits}"'
    )


@pytest.mark.parametrize("bits", ["٣", "9" * 5000])
def test_metadata_are_lines(model: onnx.ModelProto, bits: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        OnnxExecutor(with_input_bits(model, bits))
    assert str(caught.value) == (
        "the ONNX model breaks its schema at `metadata.expifref.input_bits`: a text must be one line of at "
        "most 1000 letters, digits, spaces and !%'()*+,./:;=@^_`-, without /* and */, not "
        f"{shown(bits)}"
    )


def test_metadata_are_text(model: onnx.ModelProto) -> None:
    data = with_input_bits(model, "twelve").SerializeToString()
    with pytest.raises(FileFormatError, match=r"breaks its schema at `metadata\.expifref\.input_bits`"):
        OnnxExecutor(data.replace(b"twelve", b"twe\xffve"))


def test_unknown_backend_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(
        ParameterError, match=r"^`backend` must be `onnxruntime` or `reference`, not 'tensorrt'$"
    ):
        OnnxExecutor(model, "tensorrt")  # type: ignore[arg-type]  # the run-time check is what is tested


def test_unknown_signal_is_refused(program: Program, model: onnx.ModelProto) -> None:
    with pytest.raises(DataError, match=r"^`layer7.spikes` is not a signal of this program: layer0.acc"):
        OnnxExecutor(model).run(random_input(program, 2, 1, seed=1), signals=["layer7.spikes"])


def test_wrong_input_width_is_refused(model: onnx.ModelProto) -> None:
    with pytest.raises(DataError, match=r"^the input must have 6 channels, not 7$"):
        OnnxExecutor(model).run(np.zeros((2, 1, 7), np.uint8))


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"layer9.membrane": np.zeros((2, 5), np.int64)},
            "`layer9.membrane` is not a state of this program: ",
        ),
        (
            {"readout": np.zeros((1, 3), np.int64)},
            r"state `readout` must have the shape \[2, 3\], not \[1, 3\]$",
        ),
        (
            {"readout": np.full((2, 3), 1 << 40)},
            r"`readout` must lie in -\d+\.\.\d+, not in 1099511627776\.\.1099511627776$",
        ),
    ],
)
def test_wrong_state_is_refused(
    program: Program,
    model: onnx.ModelProto,
    state: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]],
    message: str,
) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        OnnxExecutor(model).run(random_input(program, 2, 2, seed=1), state)
