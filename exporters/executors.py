"""The executors of a program: one row per executor, built when it is asked for.

Each row says how to make the executor from the artefact that a target writes, so that what is verified is
what would be shipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from expifref.exceptions import ParameterError, UnsupportedError
from hw_profiles import Profile
from quantize.program.label import label_of
from quantize.program.program import Program
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Executor

from .tools import needs_other_python
from .ways import COMPILERS, WAYS, lacking

__all__ = [
    "BOARD",
    "EXECUTORS",
    "ExecutorKind",
    "Executors",
    "all_executors",
    "are_boards",
    "can_be_required",
    "make_executors",
    "missing_executors",
    "sample_limits",
]

Maker = Callable[[Program, Profile], Executor]


@dataclass(frozen=True)
class ExecutorKind:
    """How an executor is made, and how much of a data set it is given unless told otherwise."""

    make: Maker
    samples: int | None  # None: all
    summary: str
    ways: Sequence[Sequence[str]] = ()  # sets of external tools, of which one must be installed


def _deployment(program: Program, profile: Profile) -> Executor:
    from quantize.numbers.arrays import Matrices

    from .deployment.assemble import program_of
    from .deployment.document import deployment_from_json, deployment_to_json
    from .deployment.make import deploy

    matrices = Matrices()
    document = deployment_to_json(deploy(program.graph, label_of(program), profile), matrices)
    return GraphEmulator(program_of(deployment_from_json(document, "the deployment", matrices)).graph)


def _onnx(form: Literal["sequence", "step"], backend: Literal["onnxruntime", "reference"]) -> Maker:
    def make(program: Program, _profile: Profile) -> Executor:
        from .onnx.executor import program_executor

        return program_executor(program, form, backend)

    return make


def _jax(program: Program, _profile: Profile) -> Executor:
    from quantize.jax import JaxExecutor

    return JaxExecutor(program.graph)


def _native(program: Program, _profile: Profile) -> Executor:
    from .native.executor import NativeExecutor

    return NativeExecutor(program.graph)


def _c_on(platform: str) -> Maker:
    def make(program: Program, _profile: Profile) -> Executor:
        from .c.ways import c_executor

        return c_executor(program.graph, label_of(program), platform)

    return make


def _wasm(program: Program, _profile: Profile) -> Executor:
    from .web.executor import wasm_executor

    return wasm_executor(program.graph, label_of(program))


def _lava(program: Program, _profile: Profile) -> Executor:
    from .lava.executor import LavaExecutor

    return LavaExecutor(program.graph, label_of(program))


def _verilator(program: Program, _profile: Profile) -> Executor:
    from quantize.program.label import label_of

    from .systemverilog import weights_for
    from .systemverilog.simulator import SystemVerilogExecutor

    graph = program.graph
    weights = weights_for(graph, program.evidence.profile)
    return SystemVerilogExecutor(graph, label_of(program), "verilator", weights)


BOARD = "board:"
"""What comes before the port of a board, which is an executor too."""

_BOARD_SAMPLES = 16

EXECUTORS: Mapping[str, ExecutorKind] = MappingProxyType(
    {
        "deployment": ExecutorKind(_deployment, None, "the emulator on the deployment JSON alone"),
        "jax": ExecutorKind(_jax, None, "the program compiled by XLA"),
        "native": ExecutorKind(_native, None, "event-driven vector code for this machine", COMPILERS),
        "onnxruntime": ExecutorKind(
            _onnx("sequence", "onnxruntime"), None, "ONNX Runtime on the sequence model"
        ),
        "onnxruntime-step": ExecutorKind(
            _onnx("step", "onnxruntime"), None, "ONNX Runtime on the single-step model"
        ),
        "onnx-reference": ExecutorKind(
            _onnx("sequence", "reference"), 16, "onnx.reference on the sequence model"
        ),
        "c-host": ExecutorKind(_c_on("host"), None, "the emitted C99 on this machine", WAYS["host"]),
        "c-cortex-m4": ExecutorKind(
            _c_on("cortex-m4"),
            8,
            "the emitted C99 on a Cortex-M4, emulated",
            WAYS["cortex-m4"],
        ),
        "wasm": ExecutorKind(
            _wasm, None, "the emitted C99 as WebAssembly, in wasmtime", (("python-zig", "wasmtime"),)
        ),
        "lava": ExecutorKind(
            _lava, None, "the emitted processes in Lava's simulator of Loihi", (("lava-python",),)
        ),
        "verilator": ExecutorKind(
            _verilator, 16, "the emitted SystemVerilog in Verilator", (("verilator", "make"),)
        ),
    }
)


@dataclass(frozen=True)
class Executors:
    """All executors of a program, and why others are not among them."""

    made: dict[str, Executor]
    missing: dict[str, str]  # executor -> the tool that it lacks
    refused: dict[str, str]  # executor -> what it cannot run in this program


def all_executors(program: Program, profile: Profile) -> Executors:
    """Every executor whose tools are installed and that does not refuse `program`."""
    missing = missing_executors()
    made: dict[str, Executor] = {}
    refused: dict[str, str] = {}
    for name, kind in EXECUTORS.items():
        if name in missing:
            continue
        try:
            made[name] = kind.make(program, profile)
        except UnsupportedError as refusal:
            refused[name] = str(refusal)
    return Executors(made, missing, refused)


def make_executors(names: Iterable[str], program: Program, profile: Profile) -> dict[str, Executor]:
    """The executors called `names`; a name may also be the path of an exported file, or `board:PORT`.

    Raises:
        BoardError: what is at a port does not answer, or is not the program.
        ParameterError: a name is not known.
        FileFormatError: a file cannot be used.
        MissingToolError: a tool of an executor in `names` is not installed.
        UnsupportedError: an executor in `names` refuses the program.
    """
    return {name: _make(name, program, profile) for name in names}


def missing_executors() -> dict[str, str]:
    """The executors that cannot run here, each with the tool that it lacks and what installs it."""
    return lacking({name: row.ways for name, row in EXECUTORS.items()})


def can_be_required(name: str) -> bool:
    """Whether every machine can have the tools of an executor: not one that needs another Python."""
    return not any(needs_other_python(tool) for way in EXECUTORS[name].ways for tool in way)


def _make(name: str, program: Program, profile: Profile) -> Executor:
    if name in EXECUTORS:
        return EXECUTORS[name].make(program, profile)
    if name.startswith(BOARD):
        from .board.executor import BoardExecutor

        evidence = program.evidence.profile
        return BoardExecutor(program.graph, label_of(program).digest, evidence, name.removeprefix(BOARD))
    if name.endswith(".onnx"):
        from .onnx.executor import OnnxExecutor

        return OnnxExecutor(Path(name), "onnxruntime")
    if name.endswith(".json"):
        from .deployment.assemble import program_of
        from .deployment.document import load_deployment

        return GraphEmulator(program_of(load_deployment(Path(name))).graph)
    raise ParameterError(
        f"executor must be one of {', '.join(EXECUTORS)}, board:PORT, or an .onnx or deployment file, "
        f"not `{name}`"
    )


def are_boards(names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that are boards, which tell the output alone."""
    return frozenset(name for name in names if name.startswith(BOARD))


def sample_limits(names: Iterable[str]) -> dict[str, int]:
    """The most data-set samples for each slow executor in `names`."""
    chosen = list(names)
    rows = {name: EXECUTORS[name].samples for name in chosen if name in EXECUTORS}
    rows |= dict.fromkeys(are_boards(chosen), _BOARD_SAMPLES)
    return {name: most for name, most in rows.items() if most is not None}
