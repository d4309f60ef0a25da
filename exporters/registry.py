"""The targets: one row per form that a program can be written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from expifref.exceptions import ParameterError
from expifref.files.writing import write_folder
from expifref.network.description import Description
from hw_profiles import parse_profile
from quantize.program.label import label_of
from quantize.program.program import Program

if TYPE_CHECKING:
    from .onnx.program import Form

__all__ = ["MODEL_TARGETS", "PROGRAM_TARGETS", "FolderTarget", "Target", "export_model", "export_program"]

Source = TypeVar("Source")


@dataclass(frozen=True)
class Target(Generic[Source]):
    """A form that `Source` can be written in."""

    suffix: str
    summary: str
    write: Callable[[Source, Path], None]
    """Writes the form as the file `path`, whole or not at all, and before it large weights beside it."""


@dataclass(frozen=True)
class FolderTarget(Generic[Source]):
    """A form of several text files."""

    summary: str
    emit: Callable[[Source], Mapping[str, str]]

    def write(self, source: Source, path: Path) -> None:
        """Write the form as the folder `path`, whole or not at all."""
        write_folder(path, self.emit(source))


AnyTarget = Target[Source] | FolderTarget[Source]


def _onnx(form: Form) -> Callable[[Program, Path], None]:
    def write(program: Program, path: Path) -> None:
        from .onnx.program import save_program

        save_program(program, form, path)

    return write


def _deployment(program: Program, path: Path) -> None:
    from .deployment.document import save_deployment
    from .deployment.make import deploy

    profile = parse_profile(program.evidence.profile, "the profile in the program")
    save_deployment(deploy(program.graph, label_of(program), profile), path)


def _c(program: Program) -> Mapping[str, str]:
    from .c.network import c_files

    return c_files(program.graph, label_of(program))


def _systemverilog(program: Program) -> Mapping[str, str]:
    from .systemverilog import emit_systemverilog, weights_for

    graph = program.graph
    return emit_systemverilog(graph, label_of(program), weights_for(graph, program.evidence.profile))


def _board(name: str) -> Callable[[Program], Mapping[str, str]]:
    def emit(program: Program) -> Mapping[str, str]:
        from .systemverilog import weights_for
        from .systemverilog.boards import emit_board

        graph = program.graph
        return emit_board(graph, label_of(program), name, weights_for(graph, program.evidence.profile))

    return emit


def _formal(program: Program) -> Mapping[str, str]:
    from .systemverilog.formal import formal_files

    return formal_files(program.graph)


def _float(description: Description, path: Path) -> None:
    from .onnx.beside import Beside, save_model
    from .onnx.float_model import float_model

    save_model(float_model(description), Beside(), path)


PROGRAM_TARGETS: Mapping[str, AnyTarget[Program]] = MappingProxyType(
    {
        "onnx": Target(".onnx", "integer ONNX model of a whole sequence, in one Scan", _onnx("sequence")),
        "onnx-step": Target(".onnx", "integer ONNX model of one step, with explicit states", _onnx("step")),
        "json": Target(".json", "deployment file for the program's hardware profile", _deployment),
        "c": FolderTarget("C99 for microcontrollers, with what builds and traces it", _c),
        "systemverilog": FolderTarget("SystemVerilog for FPGAs, with its memory files", _systemverilog),
        "ulx3s": FolderTarget("SystemVerilog and pins for the ULX3S board (ECP5)", _board("ulx3s")),
        "icebreaker": FolderTarget("SystemVerilog and pins for the iCEBreaker board", _board("icebreaker")),
        "formal": FolderTarget("proof that the SystemVerilog neurons are the specification", _formal),
    }
)
MODEL_TARGETS: Mapping[str, AnyTarget[Description]] = MappingProxyType(
    {"onnx-float": Target(".onnx", "ONNX model of the float network", _float)}
)


def export_program(program: Program, target: str, path: Path) -> None:
    """Write `program` to the file or folder `path` in the form `target`, whole or not at all.

    Raises:
        ParameterError: the target is not known.
        CapacityError, UnsupportedError: the target cannot take this program.
        FileFormatError: the file or folder cannot be written.
    """
    _find(PROGRAM_TARGETS, target, "a program").write(program, path)


def export_model(description: Description, target: str, path: Path) -> None:
    """Write the float network to `path` in the form `target`; errors as `export_program`."""
    _find(MODEL_TARGETS, target, "a model").write(description, path)


def _find(targets: Mapping[str, AnyTarget[Source]], name: str, what: str) -> AnyTarget[Source]:
    if name not in targets:
        raise ParameterError(f"the target of {what} must be one of {', '.join(targets)}, not `{name}`")
    return targets[name]
