"""Refuses ONNX models that do more than a program does, before anything of them is run (docs/onnx.md).

A model file may come from anyone. What a program needs is a few integer operations in a `Scan` over the
steps of its input: no loop whose end the model decides, no operation that makes large tensors out of a small
file, and no functions that call each other until the whole has more nodes than fit a memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import onnx

from expifref.exceptions import FileFormatError

__all__ = ["check_bounded"]

_OPERATIONS = frozenset(
    {
        *("Add", "BitShift", "BitwiseAnd", "Cast", "CastLike", "Clip", "Concat", "Constant", "ConvInteger"),
        *("Div", "Equal", "Expand", "Gather", "Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual"),
        *("MatMul", "MatMulInteger", "Max", "Min", "Mod", "Mul", "Neg", "Not", "And", "Or", "Pad"),
        *("Reshape", "Scan", "Shape", "Slice", "Split", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"),
    }
)
_STANDARD = frozenset({"", "ai.onnx"})
_MOST_FUNCTIONS = 256
_MOST_NODES = 100_000
"""Of all functions put in place; a program of four layers has some thousand."""


_Key = tuple[str, str]
"""Domain and name of a function."""


def check_bounded(model: onnx.ModelProto, place: str) -> None:
    """Check the operations of `model` and how many there are; `place` names it in errors.

    Raises:
        FileFormatError: an operation that no program needs, or functions that call each other too often.
    """
    functions = {(function.domain, function.name): function for function in model.functions}
    if len(model.functions) > _MOST_FUNCTIONS:
        raise FileFormatError(
            f"{place} must have at most {_MOST_FUNCTIONS} functions, not {len(model.functions)}: "
            "export it anew"
        )
    for node in _all_nodes([*model.graph.node, *(n for f in model.functions for n in f.node)]):
        standard = node.domain in _STANDARD and node.op_type in _OPERATIONS
        if not standard and _key(node) not in functions:
            raise FileFormatError(
                f"{place} must use operations that an integer program needs, but uses "
                f"`{_name(node)}`: export it anew"
            )
    sizes = _sizes(functions)
    if len(sizes) < len(functions) or _size(model.graph.node, sizes) > _MOST_NODES:
        raise FileFormatError(
            f"{place} must have at most {_MOST_NODES:,} operations, its functions in place, but has more: "
            "export it anew"
        )


def _sizes(functions: Mapping[_Key, onnx.FunctionProto]) -> dict[_Key, int]:
    """Operations of each function; none for one that calls itself, by whatever way."""
    sizes: dict[_Key, int] = {}
    for _ in functions:  # one may be listed before those it calls
        for key, function in functions.items():
            called = {_key(node) for node in _all_nodes(function.node)} & functions.keys()
            if key not in sizes and called <= sizes.keys():
                sizes[key] = _size(function.node, sizes)
    return sizes


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for entry in node.attribute:
            for graph in (entry.g, *entry.graphs):
                yield from _all_nodes(graph.node)


def _size(nodes: Iterable[onnx.NodeProto], sizes: Mapping[_Key, int]) -> int:
    """Nodes, each call counted as what it calls; no more than is needed to say that they are too many."""
    total = 0
    for node in _all_nodes(nodes):
        total += sizes.get(_key(node), 1)
        if total > _MOST_NODES:
            return _MOST_NODES + 1
    return total


def _key(node: onnx.NodeProto) -> _Key:
    return node.domain, node.op_type


def _name(node: onnx.NodeProto) -> str:
    return f"{node.domain[:40]}.{node.op_type[:40]}".removeprefix(".")
