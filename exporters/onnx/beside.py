"""Large tensors of an ONNX model in a file beside it: ONNX's external data, written and followed safely.

A model file may come from anywhere, so a location in it is followed only if it is a bare name of a regular
file, no symbolic link, in the model's own folder, and long enough for what the model says lies in it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from expifref.connections.blocks import row_blocks
from expifref.exceptions import FileFormatError
from expifref.files.opening import file_beside
from expifref.files.texts import short
from expifref.files.writing import write_bytes, write_with

__all__ = ["Beside", "check_beside", "save_model", "tensors_of"]

_ALIGNED = 1 << 16
"""Tensors begin at multiples of this, which every system can map."""

_WIDTHS: dict[int, int] = {
    helper.np_dtype_to_tensor_dtype(np.dtype(f"{kind}{width}")): width
    for kind in "iu"
    for width in (1, 2, 4, 8)
}
"""Bytes of an element by the type of a tensor that may lie beside."""

_DIGITS = 19
"""Of a number that fits 64 bits; Python refuses to read one of thousands."""


class Beside:
    """The large tensors of a model that is being built."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._end = 0

    def add(self, name: str, array: NDArray[Any]) -> TensorProto:
        """A tensor that refers to `array`, whose file `save_model` will name."""
        start = -(-self._end // _ALIGNED) * _ALIGNED
        self._end = start + array.nbytes
        self.arrays.append(array)
        tensor = TensorProto(
            name=name,
            data_type=helper.np_dtype_to_tensor_dtype(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        for key, value in (("location", ""), ("offset", str(start)), ("length", str(array.nbytes))):
            tensor.external_data.add(key=key, value=value)
        return tensor

    def write(self, path: Path) -> None:
        """Write all arrays as their tensors say."""
        with path.open("wb") as file:
            for array in self.arrays:
                file.seek(-(-file.tell() // _ALIGNED) * _ALIGNED)
                for _, rows in row_blocks(array):
                    file.write(np.ascontiguousarray(rows).data)

    def digest(self) -> str:
        """SHA-256 (hex) of the content."""
        state = hashlib.sha256()
        for array in self.arrays:
            for _, rows in row_blocks(array):
                state.update(np.ascontiguousarray(rows).tobytes())
        return state.hexdigest()


def save_model(model: onnx.ModelProto, beside: Beside, path: Path) -> None:
    """Write `model` to `path`, whole or not at all, and before it what lies beside it.

    Raises:
        FileFormatError: a file cannot be written.
    """
    # Deterministic, so that the same program gives the same file.
    if not beside.arrays:
        write_bytes(path, model.SerializeToString(deterministic=True))
        return
    name = f"{path.stem}.weights-{beside.digest()[:8]}.bin"
    for tensor in _external(model):
        next(entry for entry in tensor.external_data if entry.key == "location").value = name
    write_with(path.parent / name, beside.write)

    def write(place: Path) -> None:
        place.write_bytes(model.SerializeToString(deterministic=True))
        # By path: a model in memory has no folder in which the checker could look.
        onnx.checker.check_model(str(place), full_check=True)

    write_with(path, write)


def check_beside(model: onnx.ModelProto, path: Path) -> None:
    """Whether the files that the model at `path` refers to may be followed.

    Raises:
        FileFormatError: a location is no bare name of a regular file, or the file does not hold the tensor.
    """
    for tensor in _external(model):
        said = {entry.key: entry.value for entry in tensor.external_data}
        place = file_beside(path, said.get("location"))
        name = short(tensor.name)
        if tensor.data_type not in _WIDTHS:
            raise FileFormatError(
                f"`{path}` must have whole numbers of 8 to 64 bits beside it, "
                f"but `{name}` is of the ONNX type {tensor.data_type}"
            )
        size = math.prod(tensor.dims) * _WIDTHS[tensor.data_type]
        start = _number(said.get("offset", "0"))
        if start is None or _number(said.get("length", str(size))) != size:
            raise FileFormatError(
                f"`{path}` must say that `{name}` takes {size} bytes of `{place.name}`, and where"
            )
        if start + size > place.stat().st_size:
            raise FileFormatError(
                f"`{place}` must hold {start + size} bytes for `{name}`, not {place.stat().st_size}: "
                "it is cut; export the model anew"
            )


def tensors_of(model: onnx.ModelProto) -> Iterator[TensorProto]:
    """Every tensor of the model, in subgraphs and functions too, and the two parts of sparse ones.

    Not those of `training_info`, with which no model is taken.
    """
    graphs = [model.graph]
    attributes = _attributes(model.functions)
    attributes += [entry for function in model.functions for entry in function.attribute_proto]
    while graphs or attributes:
        if graphs:
            graph = graphs.pop()
            yield from [*graph.initializer, *_parts(graph.sparse_initializer)]
            attributes += _attributes([graph])
            continue
        entry = attributes.pop()
        yield from [entry.t, *entry.tensors, *_parts([entry.sparse_tensor, *entry.sparse_tensors])]
        graphs += [entry.g, *entry.graphs]


def _attributes(owners: Iterable[onnx.GraphProto | onnx.FunctionProto]) -> list[onnx.AttributeProto]:
    return [entry for owner in owners for node in owner.node for entry in node.attribute]


def _parts(sparse: Iterable[onnx.SparseTensorProto]) -> list[TensorProto]:
    return [part for tensor in sparse for part in (tensor.values, tensor.indices)]


def _external(model: onnx.ModelProto) -> Iterator[TensorProto]:
    return (tensor for tensor in tensors_of(model) if tensor.data_location == TensorProto.EXTERNAL)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
