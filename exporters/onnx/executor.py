"""Runs the integer models of `exporters.onnx.program` in ONNX Runtime or in ONNX's own reference."""

from __future__ import annotations

import re
import weakref
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from expifref.exceptions import DataError, FileFormatError
from expifref.files.limits import ONNX
from expifref.files.opening import read_file
from expifref.files.scratch import scratch_folder
from expifref.files.texts import short, shown
from quantize.graph.layers import Port
from quantize.numbers.arrays import Integers
from quantize.numbers.formats import Format
from quantize.program.program import SPEC_VERSION, Program
from quantize.run.states import check_spikes
from quantize.run.trace import Execution, Spikes, State

from .beside import check_beside, tensors_of
from .builder import INT8
from .guard import check_bounded
from .interface import interface_of
from .ports import FINAL, NEXT, SPIKES, START, Form
from .program import save_program
from .runtimes import Backend, reason, session_of

__all__ = ["Backend", "OnnxExecutor", "load_model", "program_executor"]

_REQUIRED = {"expifref.form", "expifref.spec", "expifref.digest", "expifref.input_bits", "expifref.encoder"}
_INPUT_BITS = {str(bits) for bits in range(1, 9)}
_INTEGER_TYPES = {
    helper.np_dtype_to_tensor_dtype(np.dtype(f"{kind}{width}")) for kind in "iu" for width in (1, 2, 4, 8)
}


def load_model(source: bytes | Path) -> onnx.ModelProto:
    """Read a model file or its bytes, but not the weights that a file has beside it.

    Raises:
        FileFormatError: not an ONNX model, or one that refers to files which must not be followed.
    """
    from google.protobuf.message import DecodeError

    place = f"`{source}`" if isinstance(source, Path) else "the model"
    try:
        model = onnx.load_model_from_string(read_file(source, ONNX) if isinstance(source, Path) else source)
    except DecodeError:
        raise FileFormatError(
            f"{place} must be an ONNX model, but cannot be parsed: export it anew"
        ) from None
    if any(not isinstance(entry.name, str) for entry in [*model.graph.input, *model.graph.output]):
        raise FileFormatError(f"{place} must be a valid ONNX model, but is not: a name is not text")
    if model.training_info:
        raise FileFormatError(f"{place} must be a model for inference, but holds training information")
    if isinstance(source, Path):
        check_beside(model, source)
    elif any(tensor.data_location == TensorProto.EXTERNAL for tensor in tensors_of(model)):
        raise FileFormatError(f"{place} must hold its own weights, but refers to other files")
    try:
        onnx.checker.check_model(str(source) if isinstance(source, Path) else model)
    # UnicodeDecodeError: a name or a message about one is not text.
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{place} must be a valid ONNX model, but is not: {reason(error)}") from None
    return model


def program_executor(program: Program, form: Form, backend: Backend) -> OnnxExecutor:
    """An executor of the model that `exporters.onnx.program.save_program` writes; errors as there."""
    with ExitStack() as stack:
        model = stack.enter_context(scratch_folder()) / "network.onnx"
        save_program(program, form, model)
        executor = OnnxExecutor(model, backend)
        # The runtime maps the weights beside the model.
        weakref.finalize(executor, stack.pop_all().close)
        return executor


class OnnxExecutor:
    """A `quantize.run.trace.Executor` over a sequence model or a step model."""

    def __init__(
        self,
        model: bytes | Path | onnx.ModelProto,
        backend: Backend = "onnxruntime",
        threads: int = 1,
    ) -> None:
        """Load `model`.

        Args:
            model: the model, its bytes or its path.
            backend: `onnxruntime` (CPU, default optimisations) or `reference` (`onnx.reference`, slow).
            threads: threads of ONNX Runtime within one operator; the operators are small, one is fastest.

        Raises:
            FileFormatError: not a model that `sequence_model` or `step_model` wrote.
            ParameterError: an unknown backend.
        """
        loaded = model if isinstance(model, onnx.ModelProto) else load_model(model)
        interface = interface_of(loaded)
        metadata = interface.metadata
        graph = loaded.graph
        self._inputs = {entry.name: entry.type.tensor_type for entry in graph.input}
        form, spec = metadata.get("expifref.form", ""), metadata.get("expifref.spec")
        if form not in START or not metadata.keys() >= _REQUIRED or SPIKES not in self._inputs:
            raise FileFormatError(
                "the ONNX model must be an integer program exported by expifref, but lacks an input `spikes` "
                f"or the metadata of one ({', '.join(sorted(_REQUIRED))})"
            )
        if spec != SPEC_VERSION:
            raise FileFormatError(
                f"the ONNX model must follow version {SPEC_VERSION} of the specification, not {spec}"
            )
        bits = metadata["expifref.input_bits"]
        if bits not in _INPUT_BITS:
            raise FileFormatError(
                f"the ONNX model must state an `expifref.input_bits` of 1 to 8, not {shown(bits)}"
            )
        check_bounded(loaded, "the ONNX model")
        _check_inputs(self._inputs, form)
        self.form = form
        self.digest = metadata["expifref.digest"]
        self._suffix = START[form]
        self._states = tuple(
            name.removesuffix(self._suffix) for name in self._inputs if name.endswith(self._suffix)
        )
        self._ranges = {name: _range_of(name, metadata) for name in self._states}
        outputs = dict.fromkeys(interface.outputs)
        self._after = {name: _output_of(name, form, outputs) for name in self._states}
        own = {place for name, place in self._after.items() if place != name}
        self.signals = tuple(name for name in outputs if name not in own)
        channels = self._inputs[SPIKES].shape.dim[-1].dim_value
        self._port = Port(channels, Format(self._inputs[SPIKES].elem_type == INT8, int(bits), 0))
        # From its path, where it has one: only so its weights beside it are found.
        self._call = session_of(model if isinstance(model, Path) else loaded, backend, threads)

    def run(
        self, spikes: Spikes, state: State | None = None, signals: Sequence[str] | None = None
    ) -> Execution:
        """Run `spikes`, `[steps, batch, inputs]`; see `quantize.run.trace.Executor.run`.

        States missing from `state` start as the program says.

        Raises:
            DataError: the input, the state or a signal name does not fit the program.
        """
        spikes = check_spikes(self._port, spikes)
        kept = self._kept(signals)
        feeds = self._state_feeds(state or {}, spikes.shape[1])
        if self.form == "sequence":
            return self._run_sequence(spikes, feeds, kept)
        return self._run_steps(spikes, feeds, kept)

    def _run_sequence(
        self, spikes: Spikes, feeds: dict[str, NDArray[Any]], kept: tuple[str, ...]
    ) -> Execution:
        results = self._call([*kept, *self._after.values()], {SPIKES: spikes, **feeds})
        wide = [np.asarray(result).astype(np.int64) for result in results]
        return Execution(
            dict(zip(kept, wide[: len(kept)], strict=True)),
            dict(zip(self._states, wide[len(kept) :], strict=True)),
        )

    def _run_steps(self, spikes: Spikes, feeds: dict[str, NDArray[Any]], kept: tuple[str, ...]) -> Execution:
        wanted = list(dict.fromkeys([*kept, *self._after.values()]))
        traces: dict[str, list[NDArray[Any]]] = {name: [] for name in kept}
        values: dict[str, NDArray[Any]] = {}
        for step in spikes:
            values = dict(zip(wanted, self._call(wanted, {SPIKES: step, **feeds}), strict=True))
            feeds = {f"{name}{self._suffix}": values[place] for name, place in self._after.items()}
            for name, trace in traces.items():
                trace.append(values[name])
        return Execution(
            {name: np.stack(trace).astype(np.int64) for name, trace in traces.items()},
            {name: np.asarray(values[place]).astype(np.int64) for name, place in self._after.items()},
        )

    def _kept(self, signals: Sequence[str] | None) -> tuple[str, ...]:
        if signals is None:
            return self.signals
        for name in signals:
            if name not in self.signals:
                raise DataError(f"`{name}` is not a signal of this program: {', '.join(self.signals)}")
        return tuple(dict.fromkeys(signals))

    def _state_feeds(self, state: Mapping[str, Integers], batch: int) -> dict[str, NDArray[Any]]:
        feeds = {}
        for name, values in state.items():
            if name not in self._states:
                raise DataError(f"`{name}` is not a state of this program: {', '.join(self._states)}")
            kind = self._inputs[f"{name}{self._suffix}"]
            shape = (batch, kind.shape.dim[-1].dim_value)
            if values.shape != shape:
                raise DataError(f"state `{name}` must have the shape {list(shape)}, not {list(values.shape)}")
            lo, hi = self._ranges[name]
            if values.min() < lo or values.max() > hi:
                raise DataError(f"`{name}` must lie in {lo}..{hi}, not in {values.min()}..{values.max()}")
            feeds[f"{name}{self._suffix}"] = values.astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
        return feeds


def _output_of(state: str, form: str, outputs: Container[str]) -> str:
    """The output that says what `state` has become: in a step, that of a signal may be a state's too."""
    if form == "sequence":
        return f"{state}{FINAL}"
    return state if state in outputs else f"{state}{NEXT}"


def _range_of(state: str, metadata: Mapping[str, str]) -> tuple[int, int]:
    """What `state` may be given, as the metadata say."""
    stated = (text.split(" ", 1) for key, text in metadata.items() if key.startswith("expifref.state"))
    found = next((parts[1] for parts in stated if parts[0] == state and len(parts) == 2), "")
    match = re.fullmatch(r"(-?\d{1,19})\.\.(-?\d{1,19})", found)
    if match is None:
        raise FileFormatError(
            f"the ONNX model must say the range of the state `{short(state)}` in its metadata, but does not: "
            "export it anew"
        )
    return int(match[1]), int(match[2])


def _check_inputs(inputs: Mapping[str, Any], form: str) -> None:
    """Raise FileFormatError unless all are tensors of whole numbers with the dimensions of their form."""
    for name, kind in inputs.items():
        wanted = 3 if name == SPIKES and form == "sequence" else 2
        if kind.elem_type not in _INTEGER_TYPES or len(kind.shape.dim) != wanted:
            raise FileFormatError(
                f"the ONNX model must take whole numbers of {wanted} dimensions as `{short(name)}`, but does "
                "not: export it anew"
            )
