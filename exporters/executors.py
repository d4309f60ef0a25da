"""The executors of a program: one row per executor, built when it is asked for.

Each row says how to make the executor from the artefact that a target writes, so that what is verified is
what would be shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from expifref.exceptions import ParameterError
from hw_profiles import Profile
from quantize.emulator import Emulator
from quantize.program import Program
from quantize.trace import Executor

__all__ = ["EXECUTORS", "ExecutorKind", "make_executors", "sample_limits"]


@dataclass(frozen=True)
class ExecutorKind:
    """How an executor is made, and how much of a data set it is given unless told otherwise."""

    make: Callable[[Program, Profile], Executor]
    samples: int | None  # None: all
    summary: str


def _deployment(program: Program, profile: Profile) -> Executor:
    from quantize.sealed import from_document, to_document

    from .deploy import deploy, program_of
    from .deployment import SCHEMA, Deployment

    document = to_document(Deployment, deploy(program, profile))
    return Emulator(program_of(from_document(Deployment, document, SCHEMA, "the deployment")))


def _onnxruntime(program: Program, _profile: Profile) -> Executor:
    from .onnx_executor import OnnxExecutor
    from .onnx_program import sequence_model

    return OnnxExecutor(sequence_model(program), "onnxruntime")


def _onnx_step(program: Program, _profile: Profile) -> Executor:
    from .onnx_executor import OnnxExecutor
    from .onnx_program import step_model

    return OnnxExecutor(step_model(program), "onnxruntime")


def _onnx_reference(program: Program, _profile: Profile) -> Executor:
    from .onnx_executor import OnnxExecutor
    from .onnx_program import sequence_model

    return OnnxExecutor(sequence_model(program), "reference")


EXECUTORS: Mapping[str, ExecutorKind] = MappingProxyType(
    {
        "deployment": ExecutorKind(_deployment, None, "the emulator on the deployment JSON alone"),
        "onnxruntime": ExecutorKind(_onnxruntime, None, "ONNX Runtime on the sequence model"),
        "onnxruntime-step": ExecutorKind(_onnx_step, None, "ONNX Runtime on the single-step model"),
        "onnx-reference": ExecutorKind(_onnx_reference, 16, "onnx.reference on the sequence model"),
    }
)


def make_executors(names: list[str] | None, program: Program, profile: Profile) -> dict[str, Executor]:
    """The executors called `names`, all of them for None; a name may be the path of an exported file.

    Raises:
        ParameterError: a name is not known.
        FileFormatError: a file cannot be used.
    """
    return {name: _make(name, program, profile) for name in names or EXECUTORS}


def _make(name: str, program: Program, profile: Profile) -> Executor:
    if name in EXECUTORS:
        return EXECUTORS[name].make(program, profile)
    if name.endswith(".onnx"):
        from .onnx_executor import OnnxExecutor

        return OnnxExecutor(Path(name), "onnxruntime")
    if name.endswith(".json"):
        from .deploy import program_of
        from .deployment import load_deployment

        return Emulator(program_of(load_deployment(Path(name))))
    raise ParameterError(
        f"executor must be one of {', '.join(EXECUTORS)}, or an .onnx or deployment file, not `{name}`"
    )


def sample_limits(names: Iterable[str]) -> dict[str, int]:
    """The most data-set samples for each slow executor in `names`."""
    rows = {name: EXECUTORS[name].samples for name in names if name in EXECUTORS}
    return {name: most for name, most in rows.items() if most is not None}
