"""NIR files as nodes, edges and arrays: HDF5, of which nothing is followed that leads out of the file.

The layout is that of the `nir` package (https://github.com/neuromorphs/NIR). It is read here and not by the
package, which takes arrays of any size and stops at assertions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from expifref.exceptions import FileFormatError, MissingToolError
from expifref.files.limits import NIR, require_size
from expifref.files.opening import open_file
from expifref.files.texts import short, shown
from expifref.installing import pip_install

__all__ = ["GRAPH", "NirGraph", "NirNode", "read_graph"]

GRAPH = "NIRGraph"
"""The type of a node that is a graph itself."""

_DEEPEST = 16
_MOST_ITEMS = 20_000
"""Groups and arrays in a file: a group may be linked to many times."""


@dataclass(frozen=True)
class NirNode:
    """A node that computes."""

    path: str  # names of the graphs around it and its own, with dots between
    kind: str
    values: Mapping[str, Any]
    """Arrays of numbers; texts as `str`."""


@dataclass(frozen=True)
class NirGraph:
    """A graph, whose nodes may be graphs."""

    path: str
    nodes: Mapping[str, NirNode | NirGraph]
    edges: tuple[tuple[str, str], ...]
    metadata: Mapping[str, Any]


def read_graph(path: Path) -> NirGraph:
    """The graph in the NIR file at `path`.

    Raises:
        FileFormatError: the file is missing, too large, no HDF5, truncated, or not laid out as NIR.
        MissingToolError: h5py is not installed.
    """
    if find_spec("h5py") is None:
        raise MissingToolError(f"NIR is read with h5py, which is not installed: run `{pip_install('h5py')}`")
    import h5py

    with open_file(path, NIR) as opened:
        try:
            with h5py.File(opened, "r") as file:
                content = _Contents(f"`{path}`").group(file, 0)
        # What h5py raises for damaged files is any of these.
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            reason = short(str(error) or type(error).__name__)
            raise FileFormatError(
                f"`{path}` must be an HDF5 file, and cannot be read as one: {reason}"
            ) from None
    root = content.get("node")
    if not isinstance(root, dict) or root.get("type") != GRAPH:
        raise FileFormatError(f"`{path}` must hold a `node` of the type {GRAPH}, as NIR files do")
    return _graph("", root)


class _Contents:
    """Reads a file into dictionaries, and counts what comes out of it."""

    def __init__(self, place: str) -> None:
        self._place, self._bytes, self._items = place, 0, 0

    def group(self, group: Any, depth: int) -> dict[str, Any]:
        if depth > 2 * _DEEPEST:
            raise FileFormatError(f"{self._place} must have groups in groups to a depth of {2 * _DEEPEST}")
        return {name: self._item(group, name, depth) for name in group}

    def _item(self, group: Any, name: str, depth: int) -> Any:
        import h5py

        self._items += 1
        if self._items > _MOST_ITEMS:
            raise FileFormatError(f"{self._place} must hold at most {_MOST_ITEMS} groups and arrays")
        where = f"{self._place}: `{short(f'{group.name}/{name}')}`"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise FileFormatError(f"{where} must lie in the file itself, and is a link")
        item = group[name]
        if isinstance(item, h5py.Group):
            return self.group(item, depth + 1)
        if not isinstance(item, h5py.Dataset) or item.shape is None or item.is_virtual or item.external:
            raise FileFormatError(f"{where} must be a group or an array that lies in the file itself")
        self._count(item.size * item.dtype.itemsize)
        if item.dtype.kind != "O":
            return _value(where, item[()])
        # Of a text of any length the file holds a reference, and a thousand may be to the same.
        texts = np.empty(item.shape, object)
        for place in np.ndindex(item.shape):
            texts[place] = item[place]
            self._count(len(texts[place]) if isinstance(texts[place], bytes) else 0)
        return _value(where, texts[()])

    def _count(self, size: int) -> None:
        self._bytes += size
        require_size(f"{self._place} unpacked", self._bytes, NIR)


def _value(where: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    array = np.asarray(value)
    if array.dtype.kind in "OS":
        texts = array.ravel().tolist()
        if all(isinstance(text, bytes) for text in texts):
            return np.array([_value(where, text) for text in texts], object).reshape(array.shape)
    elif array.dtype.kind in "fiub":
        return array
    raise FileFormatError(f"{where} must be numbers or texts, not of the type {array.dtype}")


def _graph(path: str, content: Mapping[str, Any]) -> NirGraph:
    nodes, edges, metadata = content.get("nodes"), content.get("edges"), content.get("metadata", {})
    if not isinstance(nodes, dict) or path.count(".") > _DEEPEST:
        raise FileFormatError(
            f"{_called(path)} must have a group `nodes`, in graphs to a depth of {_DEEPEST}"
        )
    if not isinstance(edges, np.ndarray) or edges.size % 2 or (edges.size and edges.dtype != object):
        raise FileFormatError(f"{_called(path)} must have `edges`, pairs of the names of its nodes")
    pairs = tuple((str(a), str(b)) for a, b in edges.reshape(-1, 2))
    strangers = sorted({name for pair in pairs for name in pair} - nodes.keys())
    if strangers:
        raise FileFormatError(
            f"{_called(path)} must have edges between its nodes, not to {shown(strangers[0])}"
        )
    if len(set(pairs)) != len(pairs):
        raise FileFormatError(f"{_called(path)} must have each edge once, and has one twice")
    inside = {name: _node(f"{path}.{name}".lstrip("."), node) for name, node in nodes.items()}
    return NirGraph(path, inside, pairs, metadata if isinstance(metadata, dict) else {})


def _node(path: str, content: Any) -> NirNode | NirGraph:
    if not isinstance(content, dict) or not isinstance(content.get("type"), str):
        raise FileFormatError(f"the node `{short(path)}` must be a group with a `type`")
    if content["type"] == GRAPH:
        return _graph(path, content)
    return NirNode(path, content["type"], {name: value for name, value in content.items() if name != "type"})


def _called(path: str) -> str:
    return f"the graph `{short(path)}`" if path else "the graph of a NIR file"
