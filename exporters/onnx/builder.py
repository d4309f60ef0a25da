"""Collects the nodes, constants and functions of one ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantize.numbers.arrays import LARGE

from .beside import Beside
from .primitives import DOMAIN

__all__ = [
    "BATCH",
    "INT8",
    "INT32",
    "INT64",
    "IR_VERSION",
    "STEPS",
    "UINT8",
    "GraphBuilder",
    "constant",
    "value",
]

IR_VERSION = 8
"""The first with model-local functions; the one of opset 18."""

STEPS, BATCH = "steps", "batch"
"""Free dimensions."""

INT8 = int(TensorProto.INT8)
INT32 = int(TensorProto.INT32)
INT64 = int(TensorProto.INT64)
UINT8 = int(TensorProto.UINT8)

Dimension = int | str


def constant(name: str, array: NDArray[Any]) -> onnx.TensorProto:
    """A named tensor."""
    return numpy_helper.from_array(np.asarray(array, order="C"), name)


def value(name: str, kind: int, shape: Sequence[Dimension]) -> onnx.ValueInfoProto:
    """The type and shape of an input or output; a dimension may be a name."""
    return helper.make_tensor_value_info(name, kind, list(shape))


@dataclass
class GraphBuilder:
    """Nodes of one graph in order, with the constants of the model and the functions they call."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    beside: Beside | None = None  # takes large constants; None: all are in the model
    names: set[str] = field(default_factory=set)  # of constants and outputs of nodes

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        if self.beside is not None and array.nbytes > LARGE:
            self.constants.append(self.beside.add(name, array))
        else:
            self.constants.append(constant(name, array))
        self.names.add(name)
        return name

    def node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a standard operator with one output and return its name; the node is named after it."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        self.names.add(output)
        return output

    def split(self, source: str, outputs: Sequence[str], axis: int) -> None:
        """Add a `Split` into equal parts; the node is named after the first."""
        node = helper.make_node(
            "Split", [source], outputs, name=outputs[0], axis=axis, num_outputs=len(outputs)
        )
        self.nodes.append(node)
        self.names.update(outputs)

    def call(self, function: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        """Add a call of a function with one output and return its name."""
        self.calls(function, inputs, [output], **attributes)
        return output

    def calls(self, function: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int) -> None:
        """Add a call of a function; the node is named after its first output."""
        self.functions.add(function)
        node = helper.make_node(function, inputs, outputs, name=outputs[0], domain=DOMAIN)
        node.attribute.extend(helper.make_attribute(name, number) for name, number in attributes.items())
        self.nodes.append(node)
        self.names.update(outputs)

    def cast(self, source: str, output: str, kind: int) -> str:
        """Add a conversion to `kind`."""
        return self.node("Cast", [source], output, to=kind)
