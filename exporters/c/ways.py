"""The emitted C as an executor, by whichever way there is (`exporters/ways.py`)."""

from __future__ import annotations

from exporters.tools import first_way
from exporters.ways import WAYS
from quantize.graph.layers import Graph
from quantize.program.label import Label
from quantize.run.trace import Executor

from .core import core_executor
from .executor import CExecutor

__all__ = ["c_executor"]


def c_executor(graph: Graph, label: Label, platform: str) -> Executor:
    """The emitted C on a platform of `WAYS`; errors as of `CExecutor` and `core_executor`."""
    if not first_way(WAYS[platform]):
        return CExecutor(graph, label, platform)
    if platform == "host":
        return CExecutor(graph, label, "host-zig")
    return core_executor(graph, label, platform)
