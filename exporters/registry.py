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
    from .systemverilog.throughput import Throughput

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
    faster: Callable[[Source, Throughput], Mapping[str, str]] | None = None
    """The same for hardware that is more than the smallest."""

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


def _web(program: Program) -> Mapping[str, str]:
    from .web.folder import web_files
    from .web.recordings import shown_of

    return web_files(program, shown_of(program))


def _lava(program: Program) -> Mapping[str, str]:
    from .lava.folder import lava_files

    return lava_files(program.graph, label_of(program))


def _firmware(program: Program) -> Mapping[str, str]:
    from .c.firmware import firmware_files

    return firmware_files(program.graph, label_of(program))


def _hardware(
    summary: str, emit: Callable[[Program, Throughput], Mapping[str, str]]
) -> FolderTarget[Program]:
    def smallest(program: Program) -> Mapping[str, str]:
        from .systemverilog.throughput import SMALLEST

        return emit(program, SMALLEST)

    return FolderTarget(summary, smallest, emit)


def _systemverilog(program: Program, speed: Throughput) -> Mapping[str, str]:
    from .systemverilog import emit_systemverilog

    graph = program.graph
    return emit_systemverilog(graph, label_of(program), *speed.build(graph, program.evidence.profile))


def _board(name: str) -> Callable[[Program, Throughput], Mapping[str, str]]:
    def emit(program: Program, speed: Throughput) -> Mapping[str, str]:
        from .systemverilog.boards import emit_board

        graph = program.graph
        return emit_board(graph, label_of(program), name, *speed.build(graph, program.evidence.profile))

    return emit


def _formal(program: Program) -> Mapping[str, str]:
    from .systemverilog.formal import formal_files

    return formal_files(program.graph)


def _float(description: Description, path: Path) -> None:
    from .onnx.beside import Beside, save_model
    from .onnx.float_model import float_model

    save_model(float_model(description), Beside(), path)


def _nir(description: Description, path: Path) -> None:
    from expifref.exchange.exporting import write_nir

    write_nir(description, path)


PROGRAM_TARGETS: Mapping[str, AnyTarget[Program]] = MappingProxyType(
    {
        "onnx": Target(".onnx", "integer ONNX model of a whole sequence, in one Scan", _onnx("sequence")),
        "onnx-step": Target(".onnx", "integer ONNX model of one step, with explicit states", _onnx("step")),
        "json": Target(".json", "deployment file for the program's hardware profile", _deployment),
        "c": FolderTarget("C99 for microcontrollers, with what builds and traces it", _c),
        "web": FolderTarget("page that runs the C as WebAssembly in a browser", _web),
        "firmware": FolderTarget("C99 behind a serial line, for the RP2040, STM32F4 and QEMU", _firmware),
        "lava": FolderTarget("processes for Lava's simulator of Loihi, in Python", _lava),
        "systemverilog": _hardware("SystemVerilog for FPGAs, with its memory files", _systemverilog),
        "ulx3s": _hardware("SystemVerilog and pins for the ULX3S board (ECP5)", _board("ulx3s")),
        "icebreaker": _hardware("SystemVerilog and pins for the iCEBreaker board", _board("icebreaker")),
        "formal": FolderTarget("proof that the SystemVerilog neurons are the specification", _formal),
    }
)
MODEL_TARGETS: Mapping[str, AnyTarget[Description]] = MappingProxyType(
    {
        "onnx-float": Target(".onnx", "ONNX model of the float network", _float),
        "nir": Target(".nir", "float network of leaky neurons for other tools", _nir),
    }
)


def export_program(program: Program, target: str, path: Path, speed: Throughput | None = None) -> None:
    """Write `program` to the file or folder `path` in the form `target`, whole or not at all.

    Args:
        speed: of hardware; the smallest form where it is not given.

    Raises:
        ParameterError: the target is not known, or `speed` is given for one that is not hardware.
        CapacityError, UnsupportedError: the target cannot take this program.
        MissingToolError, ToolError: a tool of the target is not there, or fails.
        FileFormatError: the file or folder cannot be written.
    """
    found = _find(PROGRAM_TARGETS, target, "a program")
    if speed is None:
        found.write(program, path)
        return
    if not isinstance(found, FolderTarget) or found.faster is None:
        raise ParameterError(
            f"lanes, pipelines and a held input are asked of SystemVerilog, not of `{target}`"
        )
    write_folder(path, found.faster(program, speed))


def export_model(description: Description, target: str, path: Path) -> None:
    """Write the float network to `path` in the form `target`; errors as `export_program`."""
    _find(MODEL_TARGETS, target, "a model").write(description, path)


def _find(targets: Mapping[str, AnyTarget[Source]], name: str, what: str) -> AnyTarget[Source]:
    if name not in targets:
        raise ParameterError(f"the target of {what} must be one of {', '.join(targets)}, not `{name}`")
    return targets[name]
