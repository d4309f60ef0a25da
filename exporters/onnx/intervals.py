"""What can be said of the tensors of an integer ONNX graph without running it: type, interval, length.

Only what the models of this package need is understood; of any other operator nothing but its type is
assumed. Bounds are Python ints, so they cannot overflow themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Known", "attribute", "known_constant", "known_of_type", "result_of"]

_BOOL = int(TensorProto.BOOL)
_INT32, _INT64 = int(TensorProto.INT32), int(TensorProto.INT64)
_UNKNOWN_TYPE = int(TensorProto.UNDEFINED)


@dataclass(frozen=True)
class Known:
    """What is known of a tensor: every element lies in `lo .. hi`."""

    kind: int  # element type
    lo: int
    hi: int
    constant: bool = False
    length: int | None = None  # size of axis 0, for a constant
    multiple: int = 1  # a number that divides every element


def known_of_type(kind: int) -> Known:
    """Anything of element type `kind`."""
    if kind == _BOOL:
        return Known(kind, 0, 1)
    dtype = helper.tensor_dtype_to_np_dtype(kind) if kind != _UNKNOWN_TYPE else np.dtype(np.int64)
    word = np.iinfo(dtype if dtype.kind in "iu" else np.int64)
    return Known(kind, int(word.min), int(word.max))


def known_constant(tensor: TensorProto) -> Known:
    """An integer or boolean constant; of one that lies beside the model only the type is known."""
    if tensor.data_location == TensorProto.EXTERNAL:
        return known_of_type(tensor.data_type)
    array = numpy_helper.to_array(tensor)
    if array.dtype.kind not in "iub" or array.size == 0:
        return known_of_type(tensor.data_type)
    length = array.shape[0] if array.ndim else 1
    return Known(tensor.data_type, int(array.min()), int(array.max()), True, length)


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """An integer attribute of `node`."""
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def result_of(
    node: onnx.NodeProto, inputs: Sequence[Known | None], condition: onnx.NodeProto | None = None
) -> Known:
    """What is known of the first output of `node`.

    An omitted input is None; `condition` is the node that makes the first input, where that is known.
    """
    operator = _in_effect(node, condition)
    if operator != node.op_type:
        inputs = inputs[1:]
    known = [known for known in inputs if known is not None]
    if operator in _BOOLEANS:
        return known_of_type(_BOOL)
    if operator in _TYPES:
        return known_of_type(_TYPES[operator])
    if operator == "Constant":
        return _constant(node)
    if operator == "Cast":
        return _cast(known[0], attribute(node, "to", _UNKNOWN_TYPE))
    if operator == "CastLike" and len(known) == 2:
        return _cast(known[0], known[1].kind)
    if not known:
        return known_of_type(_UNKNOWN_TYPE)
    if operator == "Pad":
        return _padded(known[0], inputs[2] if len(inputs) > 2 else None)
    if operator in _MOVES:
        return replace(known[0], length=None)
    if operator in _BOUNDS and len(known) == len(inputs):
        lo, hi = _BOUNDS[operator](known)
        kind = known[-1].kind
        whole = known_of_type(kind)
        # A bound outside the type means that the operator may wrap; then nothing is known.
        inside = whole.lo <= lo and hi <= whole.hi
        result = Known(kind, lo, hi) if inside else whole
        multiple = -known[1].lo if operator == "BitwiseAnd" and _clears_low_bits(known[1]) else 1
        return replace(result, constant=all(k.constant for k in known), multiple=multiple)
    kind = known[1].kind if operator == "Where" and len(known) > 1 else known[0].kind
    return known_of_type(kind)


def _in_effect(node: onnx.NodeProto, condition: onnx.NodeProto | None) -> str:
    """The operator that `node` is in effect: a Where between what its condition compares is a Min or Max."""
    if node.op_type != "Where" or condition is None or condition.op_type not in {"Less", "Greater"}:
        return node.op_type
    a, b = condition.input
    chosen = list(node.input[1:])
    if chosen not in ([a, b], [b, a]):
        return "Where"
    return "Min" if (condition.op_type == "Less") == (chosen == [a, b]) else "Max"


def _constant(node: onnx.NodeProto) -> Known:
    for entry in node.attribute:
        if entry.name == "value":
            return known_constant(entry.t)
        if entry.name == "value_int":
            return Known(_INT64, int(entry.i), int(entry.i), True, 1)
        if entry.name == "value_ints" and entry.ints:
            return Known(_INT64, min(entry.ints), max(entry.ints), True, len(entry.ints))
    return known_of_type(_UNKNOWN_TYPE)


def _padded(source: Known, padding: Known | None) -> Known:
    lo, hi = (0, 0) if padding is None else (padding.lo, padding.hi)
    return Known(source.kind, min(source.lo, lo), max(source.hi, hi))


def _cast(source: Known, kind: int) -> Known:
    whole = known_of_type(kind)
    if whole.lo <= source.lo and source.hi <= whole.hi:
        return replace(source, kind=kind)
    return whole


Bounds = tuple[int, int]


def _hull(values: Sequence[int]) -> Bounds:
    return min(values), max(values)


def _ends(k: Sequence[Known], combine: Callable[[int, int], int]) -> Bounds:
    """Bounds of an operation that is monotone in each operand."""
    return _hull([combine(a, b) for a in (k[0].lo, k[0].hi) for b in (k[1].lo, k[1].hi)])


def _quotient(a: int, b: int) -> int:
    return abs(a) // b * (1 if a >= 0 else -1)


def _divide(k: Sequence[Known]) -> Bounds:
    whole = known_of_type(k[0].kind)
    return _ends(k, _quotient) if k[1].lo > 0 else (whole.lo, whole.hi)


def _clears_low_bits(mask: Known) -> bool:
    return mask.constant and mask.lo == mask.hi < 0 and (-mask.lo & (-mask.lo - 1)) == 0


def _mask(k: Sequence[Known]) -> Bounds:
    value, mask = k
    if _clears_low_bits(mask):
        return value.lo & mask.lo, value.hi & mask.lo
    if mask.constant and mask.lo == mask.hi >= 0:
        return 0, mask.lo
    whole = known_of_type(value.kind)
    return whole.lo, whole.hi


def _clip(k: Sequence[Known]) -> Bounds:
    value, lowest = k[0], k[1]
    highest = k[2] if len(k) > 2 else known_of_type(value.kind)
    return (
        min(max(value.lo, lowest.lo), highest.lo),
        min(max(value.hi, lowest.hi), highest.hi),
    )


_BOUNDS: Mapping[str, Callable[[Sequence[Known]], Bounds]] = MappingProxyType(
    {
        "Add": lambda k: (k[0].lo + k[1].lo, k[0].hi + k[1].hi),
        "Sub": lambda k: (k[0].lo - k[1].hi, k[0].hi - k[1].lo),
        "Mul": lambda k: _ends(k, lambda a, b: a * b),
        "Neg": lambda k: (-k[0].hi, -k[0].lo),
        "Div": _divide,
        "BitwiseAnd": _mask,
        "Clip": _clip,
        "Concat": lambda k: (min(x.lo for x in k), max(x.hi for x in k)),
        "Min": lambda k: (min(x.lo for x in k), min(x.hi for x in k)),
        "Max": lambda k: (max(x.lo for x in k), max(x.hi for x in k)),
        "Where": lambda k: (min(k[1].lo, k[2].lo), max(k[1].hi, k[2].hi)),
    }
)
_BOOLEANS = frozenset(
    {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal", "And", "Or", "Xor", "Not"}
)
_MOVES = frozenset({"Identity", "Expand", "Reshape", "Slice", "Transpose"})
_TYPES: Mapping[str, int] = MappingProxyType(
    {"MatMulInteger": _INT32, "ConvInteger": _INT32, "Shape": _INT64, "Size": _INT64, "ArgMax": _INT64}
)
