"""Every executor of graphs, in one table: a new entry inherits the tests of operations and connections."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.onnx.executor import Backend
from hw_profiles import Limit, load_profile
from quantize.graph.layers import Graph
from quantize.program.file import program_to_json
from quantize.program.label import Label
from quantize.run.emulator import GraphEmulator
from quantize.run.trace import Execution, Executor
from tests.emitted_lava import StandInExecutor
from tests.graphs import program_of
from tests.oracle import Oracle
from tests.tools import need

__all__ = ["BODY_MAKERS", "LABEL", "MAKERS", "assert_agrees", "assert_same", "executor"]


LABEL = Label(digest="0" * 64, tool_version="0", device="none", encoder="rate", dt_seconds=1e-3, steps=5)


@dataclass(frozen=True, eq=False)
class _Specification:
    """The executor that was written from the specification alone, on the file of the graph."""

    graph: Graph

    def run(
        self,
        spikes: NDArray[Any],
        state: Mapping[str, NDArray[np.int64]] | None = None,
        signals: Sequence[str] | None = None,
    ) -> Execution:
        assert signals is None
        oracle = Oracle(program_to_json(program_of(self.graph)))
        traces: dict[str, list[list[list[int]]]] = {}
        ends: list[dict[str, list[int]]] = []
        for sample in range(spikes.shape[1]):
            now = oracle.start() | {name: values[sample].tolist() for name, values in (state or {}).items()}
            rows: dict[str, list[list[int]]] = {name: [] for name in self.graph.signal_units}
            for frame in spikes[:, sample].tolist():
                found, now = oracle.step(frame, now)
                for name, row in rows.items():
                    row.append(found[name])
            ends.append(now)
            for name, row_of_sample in rows.items():
                traces.setdefault(name, []).append(row_of_sample)
        return Execution(
            {name: np.array(rows, np.int64).swapaxes(0, 1) for name, rows in traces.items()},
            {name: np.array([end[name] for end in ends], np.int64) for name in self.graph.state_units},
        )


def _deployment(graph: Graph) -> Executor:
    """From a file for a device with two units to a core and words of nine bits."""
    from exporters.deployment.assemble import program_of
    from exporters.deployment.document import deployment_from_json, deployment_to_json
    from exporters.deployment.make import deploy

    any_device = load_profile("generic-16bit")
    many, two, nine = (Limit(value, "choice", "chosen") for value in (None, 2, 9))
    capacity = replace(any_device.capacity, cores=many, neurons_per_core=two, memory_word_bits=nine)
    deployment = deploy(graph, LABEL, replace(any_device, capacity=capacity))
    text = json.dumps(deployment_to_json(deployment))
    return GraphEmulator(program_of(deployment_from_json(json.loads(text), "the file")).graph)


def _jax(graph: Graph) -> Executor:
    from quantize.jax import JaxExecutor

    return JaxExecutor(graph)


def _jax_kernel(graph: Graph) -> Executor:
    """Layers as GPU kernels, interpreted."""
    from quantize.jax import JaxExecutor

    return JaxExecutor(graph, steps="interpret")


def _native(graph: Graph) -> Executor:
    from exporters.native.executor import NativeExecutor

    return NativeExecutor(graph)


def _c_host(graph: Graph) -> Executor:
    from exporters.c.executor import CExecutor

    return CExecutor(graph, LABEL, "host")


def _wasm(graph: Graph) -> Executor:
    from exporters.web.executor import wasm_executor

    return wasm_executor(graph, LABEL)


def _lava(graph: Graph) -> Executor:
    """The processes for Lava, on a stand-in for it."""
    return StandInExecutor(graph, LABEL)


def _onnx(form: str, backend: Backend) -> Callable[[Graph], Executor]:
    def make(graph: Graph) -> Executor:
        from exporters.onnx.executor import OnnxExecutor
        from exporters.onnx.program import sequence_model, step_model

        return OnnxExecutor((sequence_model if form == "sequence" else step_model)(graph, LABEL), backend)

    return make


def _iverilog(graph: Graph) -> Executor:
    from exporters.systemverilog.simulator import SystemVerilogExecutor

    return SystemVerilogExecutor(graph, LABEL, "iverilog")


MAKERS: Mapping[str, tuple[Callable[[Graph], Executor], tuple[str, ...]]] = MappingProxyType(
    {
        "specification": (_Specification, ()),
        "deployment": (_deployment, ()),
        "jax": (_jax, ()),
        "native": (_native, ("gcc",)),
        "c-host": (_c_host, ("make", "gcc")),
        "wasm": (_wasm, ("python-zig", "wasmtime")),
        "lava-stand-in": (_lava, ()),
        "iverilog": (_iverilog, ("iverilog",)),
        "onnxruntime": (_onnx("sequence", "onnxruntime"), ()),
        "onnxruntime-step": (_onnx("step", "onnxruntime"), ()),
        "onnx-reference": (_onnx("sequence", "reference"), ()),
    }
)
"""Name -> what makes it, and the tools that it needs."""

BODY_MAKERS = MappingProxyType({**MAKERS, "jax-kernel": (_jax_kernel, ())})
"""Also those that differ from another executor in how a body runs, and in nothing else."""


def executor(name: str, graph: Graph) -> Executor:
    """The executor `name` of `graph`; fails, or skips where that is allowed, without its tools."""
    make, tools = BODY_MAKERS[name]
    need(*tools)
    return make(graph)


def assert_agrees(
    name: str, graph: Graph, spikes: NDArray[Any], state: Mapping[str, NDArray[np.int64]]
) -> None:
    """Every signal and state of the executor `name`, from the start and from `state`, is the emulator's."""
    found_by = executor(name, graph)
    for given in ({}, state):
        assert_same(found_by.run(spikes, given), GraphEmulator(graph).run(spikes, given))


def assert_same(found: Execution, wanted: Execution) -> None:
    """Every signal and state of two runs is the same."""
    assert found.signals.keys() == wanted.signals.keys()
    assert found.state.keys() == wanted.state.keys()
    for signal, values in wanted.signals.items():
        np.testing.assert_array_equal(found.signals[signal], values, err_msg=signal)
    for key, values in wanted.state.items():
        np.testing.assert_array_equal(found.state[key], values, err_msg=key)
