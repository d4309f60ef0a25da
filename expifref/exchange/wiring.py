"""A graph of graphs as one: which node is fed by which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from expifref.exceptions import FileFormatError, UnsupportedError
from expifref.files.texts import listed, short

from .hdf5 import NirGraph, NirNode

__all__ = ["ENDS", "Wiring", "wired"]

ENDS = ("Input", "Output")
"""Nodes that pass on what they are given."""

_MOST_NODES = 300
"""Of which each may call for the one before it."""


@dataclass(frozen=True)
class Wiring:
    """All nodes by their path, and those that feed each."""

    nodes: dict[str, NirNode]
    before: dict[str, list[str]]
    input: str
    output: str


def wired(graph: NirGraph) -> Wiring:
    """`graph` without the graphs in it.

    Raises:
        FileFormatError: a graph has no input or output, or feeds an input of its own.
        UnsupportedError: it has several of them, or a node that does not lead from its input to its output.
    """
    every = list(_nodes(graph))
    if len(every) > _MOST_NODES:
        raise UnsupportedError(f"a NIR graph must have at most {_MOST_NODES} nodes, not {len(every)}")
    nodes = {node.path: node for node in every}
    if len(nodes) != len(every):
        raise UnsupportedError(
            "nodes must have different paths, and two have the same: rename the one with a dot in its name"
        )
    before: dict[str, list[str]] = {path: [] for path in nodes}
    for source, target in _edges(graph):
        before[target].append(source)
    found = Wiring(nodes, before, _end(graph, "Input"), _end(graph, "Output"))
    _check(found)
    return found


def _check(wiring: Wiring) -> None:
    if wiring.before[wiring.input]:
        raise FileFormatError(f"the input `{short(wiring.input)}` must not be fed by a node of its graph")
    reached = {wiring.output}
    waiting = [wiring.output]
    while waiting:
        path = waiting.pop()
        if path != wiring.input and not wiring.before[path]:
            raise UnsupportedError(f"the node `{short(path)}` must be fed by something, and is not")
        new = [source for source in wiring.before[path] if source not in reached]
        reached.update(new)
        waiting += new
    lost = wiring.nodes.keys() - reached
    if lost:
        raise UnsupportedError(f"all nodes must lead to the output, and these do not: {listed(lost)}")


def _nodes(graph: NirGraph) -> Iterator[NirNode]:
    for node in graph.nodes.values():
        if isinstance(node, NirGraph):
            yield from _nodes(node)
        else:
            yield node


def _edges(graph: NirGraph) -> Iterator[tuple[str, str]]:
    for source, target in graph.edges:
        yield _end_of(graph.nodes[source], "Output"), _end_of(graph.nodes[target], "Input")
    for node in graph.nodes.values():
        if isinstance(node, NirGraph):
            yield from _edges(node)


def _end_of(node: NirNode | NirGraph, kind: str) -> str:
    return _end(node, kind) if isinstance(node, NirGraph) else node.path


def _end(graph: NirGraph, kind: str) -> str:
    """The one node of `kind` of a graph itself."""
    found = [node.path for node in graph.nodes.values() if isinstance(node, NirNode) and node.kind == kind]
    if len(found) != 1:
        place = f"the graph `{short(graph.path)}`" if graph.path else "a NIR graph"
        raise UnsupportedError(f"{place} must have one {kind} node, not {len(found)}: {listed(found)}")
    return found[0]
