"""The two runtimes that integer models are run in: ONNX Runtime, and ONNX's own reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import onnx
from numpy.typing import NDArray

from expifref.exceptions import FileFormatError, ParameterError
from expifref.files.texts import short

__all__ = ["Backend", "Call", "reason", "session_of"]

Backend = Literal["onnxruntime", "reference"]

Call = Callable[[list[str], dict[str, NDArray[Any]]], list[NDArray[Any]]]
"""Output names and inputs by name to outputs."""

_FATAL = 4
"""Errors are raised, so that nothing less need be logged beside them."""

_REASON = 200
"""Characters of what a library says that a message repeats."""


def session_of(model: onnx.ModelProto | Path, backend: str, threads: int) -> Call:
    """What runs `model`.

    Raises:
        ParameterError: an unknown backend.
        FileFormatError: the model cannot be run; also when it is called.
    """
    if backend == "reference":
        from onnx.reference import ReferenceEvaluator

        evaluator = ReferenceEvaluator(str(model) if isinstance(model, Path) else model)
        return lambda outputs, feeds: list(evaluator.run(outputs, feeds))
    if backend != "onnxruntime":
        raise ParameterError(f"`backend` must be `onnxruntime` or `reference`, not {backend!r}")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    onnxruntime.set_default_logger_severity(_FATAL)  # what its allocator says belongs to no session
    options.intra_op_num_threads = threads
    # ONNX Runtime's errors have no common base, names that are not text break their translation, and of
    # inputs that it misses it says so with a ValueError.
    failures: tuple[type[Exception], ...] = (*_runtime_errors(), UnicodeDecodeError, ValueError)
    try:
        session = onnxruntime.InferenceSession(
            str(model) if isinstance(model, Path) else model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
    except failures as error:
        raise _unusable(error) from None

    def call(outputs: list[str], feeds: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        try:
            results: list[NDArray[Any]] = session.run(outputs, feeds)
        except failures as error:
            raise _unusable(error) from None
        return results

    return call


def reason(error: Exception) -> str:
    """The first line of what a library says, which may repeat any name of the model."""
    return short(str(error).strip().partition("\n")[0], _REASON)


def _runtime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(
        kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)
    )


def _unusable(error: Exception) -> FileFormatError:
    return FileFormatError(f"the ONNX model must run in ONNX Runtime, but does not: {reason(error)}")
