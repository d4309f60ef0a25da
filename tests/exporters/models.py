"""The two ONNX models of a program."""

from __future__ import annotations

import onnx

from exporters.onnx.program import sequence_model, step_model
from quantize.program.label import label_of
from quantize.program.program import Program

__all__ = ["sequence_of", "step_of"]


def sequence_of(program: Program) -> onnx.ModelProto:
    """The model of a whole sequence."""
    return sequence_model(program.graph, label_of(program))


def step_of(program: Program) -> onnx.ModelProto:
    """The model of one step."""
    return step_model(program.graph, label_of(program))
