"""Changing single values of the files that the commands read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from expifref.files.limits import MODEL
from expifref.files.tensors import read_tensors, write_tensors
from quantize.program.sealed import canonical_digest, rfc8785_form, sorted_ascii

__all__ = ["edit_json", "edit_model", "flip_onnx"]

Tensors = dict[str, NDArray[Any]]
_KIND = "expifref-model"


def edit_json(source: Path, out: Path, place: str, value: object, seal: bool = True) -> Path:
    """Copy a program or deployment with `value` at the dotted `place`, sealed anew unless told otherwise."""
    document = json.loads(source.read_text())
    *parents, last = place.split(".")
    part = document
    for key in parents:
        part = part[int(key)] if isinstance(part, list) else part[key]
    part[int(last) if isinstance(part, list) else last] = value
    if seal:
        canonical = rfc8785_form if "graph" in document or "cores" in document else sorted_ascii
        document["digest"] = canonical_digest(document, canonical)
    out.write_text(json.dumps(document))
    return out


def edit_model(
    source: Path,
    out: Path,
    tensors: Callable[[Tensors], None] = lambda _: None,
    document: dict[str, Any] | None = None,
) -> Path:
    """Copy a model file with changed tensors and entries of its metadata, unchecked."""
    values, entries = read_tensors(source, _KIND, 1, MODEL)
    values = {name: value.copy() for name, value in values.items()}
    tensors(values)
    write_tensors(out, values, _KIND, entries | (document or {}))
    return out


def flip_onnx(source: Path, out: Path, name: str) -> Path:
    """Copy an exported model with the lowest bit of the first element of the initializer `name` flipped."""
    model = onnx.load(source)
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        for tensor in graph.initializer:
            if tensor.name == name:
                values = numpy_helper.to_array(tensor).copy()
                values.flat[0] ^= 1
                tensor.CopyFrom(numpy_helper.from_array(values, name))
                onnx.save(model, out)
                return out
        graphs += [
            attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")
        ]
    raise LookupError(name)
