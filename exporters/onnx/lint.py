"""Refuses ONNX constructs whose integer result depends on the runtime or the CPU (docs/onnx.md, "Lint").

The rules are checked after inlining all model-local functions, with the intervals of
`exporters.onnx.intervals`, in the main graph and in every subgraph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import onnx
from onnx import TensorProto

from expifref.exceptions import UnsupportedError

from .intervals import Known, attribute, known_constant, known_of_type, result_of

__all__ = ["check_portable", "float_tensors"]

MAX_OPSET = 27
"""From 28 on BitShift takes signed integers; runtimes older than ONNX Runtime 1.32 refuse such a model."""

_INTEGERS = frozenset(
    {
        TensorProto.BOOL,
        *(TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64),
        *(TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64),
    }
)
_SIGNED = frozenset({TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64})
_SHORT = frozenset({TensorProto.INT16, TensorProto.UINT16})
_PAIR_LO, _PAIR_HI = -(1 << 15), (1 << 15) - 1
_FLOAT_ATTRIBUTES = frozenset({"FLOAT", "FLOATS", "SPARSE_TENSOR", "SPARSE_TENSORS"})

Inputs = list[Known | None]
Scope = dict[str, Known]


def check_portable(model: onnx.ModelProto) -> None:
    """Check every rule on `model`.

    Raises:
        UnsupportedError: the first node, tensor or version that breaks a rule, by name.
    """
    from onnx import inliner

    for place in float_tensors(model):
        raise UnsupportedError(f"{place} must be an integer tensor, but is a floating-point one")
    for entry in model.opset_import:
        if entry.domain == "" and entry.version > MAX_OPSET:
            raise UnsupportedError(f"the model must use opset {MAX_OPSET} or older, not {entry.version}")
    flat = inliner.inline_local_functions(model)
    _check_graph(flat.graph, {})


def float_tensors(model: onnx.ModelProto) -> Iterator[str]:
    """Names every float tensor, conversion or attribute in the graph, its subgraphs and its functions."""
    yield from _floats_in_graph(model.graph)
    for function in model.functions:
        yield from _floats_in_nodes(function.node)


def _floats_in_graph(graph: onnx.GraphProto) -> Iterator[str]:
    for entry in [*graph.input, *graph.output, *graph.value_info]:
        if entry.type.tensor_type.elem_type not in {*_INTEGERS, TensorProto.UNDEFINED}:
            yield f"`{entry.name}`"
    for tensor in graph.initializer:
        if tensor.data_type not in _INTEGERS:
            yield f"`{tensor.name}`"
    for sparse in graph.sparse_initializer:
        yield f"`{sparse.values.name}`"
    yield from _floats_in_nodes(graph.node)


def _floats_in_nodes(nodes: Iterator[onnx.NodeProto]) -> Iterator[str]:
    for node in nodes:
        for entry in node.attribute:
            kind = onnx.AttributeProto.AttributeType.Name(entry.type)
            tensors = [entry.t, *entry.tensors] if kind in {"TENSOR", "TENSORS"} else []
            casts_away = node.op_type == "Cast" and entry.name == "to" and entry.i not in _INTEGERS
            if kind in _FLOAT_ATTRIBUTES or casts_away or any(t.data_type not in _INTEGERS for t in tensors):
                yield f"`{entry.name}` of {_called(node)}"
            if kind in {"GRAPH", "GRAPHS"}:
                for graph in [entry.g] if kind == "GRAPH" else entry.graphs:
                    yield from _floats_in_graph(graph)


def _check_graph(graph: onnx.GraphProto, outer: Scope) -> None:
    scope = dict(outer)
    scope |= {entry.name: known_of_type(entry.type.tensor_type.elem_type) for entry in graph.input}
    overridable = {entry.name for entry in graph.input}
    scope |= {t.name: known_constant(t) for t in graph.initializer if t.name not in overridable}
    types = {entry.name: entry.type.tensor_type.elem_type for entry in [*graph.output, *graph.value_info]}
    makers: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        inputs = [scope.get(name) if name else None for name in node.input]
        if node.domain not in {"", "ai.onnx"}:
            raise UnsupportedError(f"{_called(node)} must be a standard operator, not one of `{node.domain}`")
        if node.op_type in _RULES:
            _RULES[node.op_type](node, inputs)
        for entry in node.attribute:
            for body in [entry.g, *entry.graphs]:
                _check_graph(body, scope)
        result = result_of(node, inputs, makers.get(node.input[0]) if node.input else None)
        makers |= dict.fromkeys(node.output, node)
        for index, name in enumerate(node.output):
            scope[name] = (
                result
                if index == 0 or node.op_type == "Split"
                else known_of_type(types.get(name, TensorProto.UNDEFINED))
            )


def _called(node: onnx.NodeProto) -> str:
    return f"node `{node.name or node.output[0]}` ({node.op_type})"


def _check_divisor(node: onnx.NodeProto, inputs: Inputs) -> None:
    dividend, divisor = inputs
    if divisor is None or not divisor.constant or divisor.lo <= 0:
        # Division by zero and of the lowest integer by -1 end the process in some runtimes.
        raise UnsupportedError(f"{_called(node)} must divide by a positive constant")
    exact = divisor.lo == divisor.hi and dividend is not None and dividend.multiple % divisor.lo == 0
    if not exact and (dividend is None or dividend.lo < 0):
        # Whether Div truncates or floors has changed between versions of onnx.
        raise UnsupportedError(
            f"{_called(node)} must divide a multiple of its divisor where the dividend can be negative: "
            "clear the low bits with BitwiseAnd first"
        )


def _check_short(node: onnx.NodeProto, inputs: Inputs) -> None:
    if any(known is not None and known.kind in _SHORT for known in inputs):
        raise UnsupportedError(f"{_called(node)} must not work on 16-bit integers, which runtimes lack here")


def _check_bound(node: onnx.NodeProto, inputs: Inputs) -> None:
    _check_short(node, inputs)
    word = known_of_type(TensorProto.INT32)
    if any(known is not None and not word.lo <= known.lo <= known.hi <= word.hi for known in inputs):
        # Before version 1.32 ONNX Runtime compares the halves of such integers as signed ones on x86.
        raise UnsupportedError(
            f"{_called(node)} must work on integers within 32 bits, since runtimes get wider ones wrong: "
            "use Less or Greater and Where"
        )


def _check_shift(node: onnx.NodeProto, inputs: Inputs) -> None:
    if inputs[0] is None or inputs[0].kind in _SIGNED | {TensorProto.UNDEFINED}:
        raise UnsupportedError(
            f"{_called(node)} must not shift signed integers, which opset 18 does not define"
        )


def _check_index(node: onnx.NodeProto, inputs: Inputs) -> None:
    data, index = inputs[0], inputs[1]
    if data is None or data.length is None or attribute(node, "axis", 0) != 0:
        raise UnsupportedError(f"{_called(node)} must look up axis 0 of a constant")
    if index is None or index.lo < 0 or index.hi >= data.length:
        # A negative index silently reads from the end of the table.
        raise UnsupportedError(
            f"{_called(node)} must have its index clipped to 0..{data.length - 1} before the lookup"
        )


def _check_product(node: onnx.NodeProto, inputs: Inputs) -> None:
    a, b = inputs[0], inputs[1]
    if a is None or b is None:
        raise UnsupportedError(f"{_called(node)} must have operands of a known type")
    if a.kind == b.kind:
        return
    # Kernels without dot-product instructions add two products in int16, and saturate.
    bounds = [2 * x * y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    if min(bounds) < _PAIR_LO or max(bounds) > _PAIR_HI:
        raise UnsupportedError(
            f"{_called(node)} must keep two products of uint8 and int8 within 16 bits, but they reach "
            f"{min(bounds)}..{max(bounds)}: bound the uint8 operand by Clip, or use one signedness for both"
        )


_RULES: Mapping[str, Callable[[onnx.NodeProto, Inputs], None]] = MappingProxyType(
    {
        "Div": _check_divisor,
        "Mod": _check_divisor,
        "Clip": _check_bound,
        "Where": _check_short,
        "Min": _check_bound,
        "Max": _check_bound,
        "BitShift": _check_shift,
        "Gather": _check_index,
        "MatMulInteger": _check_product,
        "ConvInteger": _check_product,
    }
)
