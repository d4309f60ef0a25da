"""How traces and totals are stored: which arrays, and each in a type that follows from the program alone.

A type taken from the values would depend on how an input is cut into pieces, and on the input itself.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from expifref.files.scratch import scratch_folder
from expifref.files.writing import partial_folder, write_folder_with, write_with
from quantize.graph.declared import output_range, signal_ranges, state_ranges
from quantize.numbers.arrays import Integers, narrowest
from quantize.numbers.intervals import Interval
from quantize.program.program import Program

from .emulator import spiking_outputs
from .trace import Totals

__all__ = [
    "MANIFEST",
    "StoredArray",
    "file_names",
    "manifest",
    "put",
    "scratch_arrays",
    "take",
    "totals_arrays",
    "totals_layout",
    "trace_layout",
    "write_arrays",
]

MANIFEST = "manifest.json"
SCHEMA = "expifref/trace/1"

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True)
class StoredArray:
    """One array of a folder or of an .npz file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Layout = Mapping[str, StoredArray]
"""Arrays by name; the file is `NAME.npy`."""


def trace_layout(program: Program, signals: Sequence[str], steps: int, samples: int) -> Layout:
    """The arrays of `signals`, each `[steps, samples, neurons]`."""
    graph = program.graph
    ranges, units = signal_ranges(graph), graph.signal_units
    return {name: _stored((steps, samples), units[name], ranges[name]) for name in signals}


def totals_layout(program: Program, steps: int, samples: int) -> Layout:
    """The arrays of `totals_arrays`."""
    graph = program.graph
    output = graph.by_name[graph.output]
    lo, hi = output_range(graph)
    total = Interval(max(steps * lo, _LEAST), min(steps * hi, _MOST))
    counted = {signal: graph.by_name[layer].units for layer, signal in spiking_outputs(graph).items()}
    states = state_ranges(graph)
    return {
        "predictions": StoredArray((samples,), _type(Interval(0, output.units - 1))),
        "output": _stored((samples,), output.units, total),
        **{
            f"counts.{name}": _stored((samples,), units, Interval(0, steps))
            for name, units in counted.items()
        },
        **{
            f"state.{name}": _stored((samples,), units, states[name])
            for name, units in graph.state_units.items()
        },
    }


def totals_arrays(totals: Totals) -> dict[str, Integers]:
    """What is stored of `totals`: predictions `[samples]`; sums, counts and states `[samples, neurons]`."""
    return {
        "predictions": totals.predictions,
        "output": totals.output,
        **{f"counts.{name}": values for name, values in totals.spikes.items()},
        **{f"state.{name}": values for name, values in totals.state.items()},
    }


def write_arrays(
    path: Path,
    layout: Layout,
    document: Mapping[str, Any],
    replaceable: Collection[str],
    fill: Callable[[Path], None],
) -> None:
    """Write the arrays of `layout`, whole or not at all: an .npz file or, without that suffix, a folder.

    Args:
        document: see `manifest`; a folder holds it.
        replaceable: names of files that a folder which is already there may lose.
        fill: puts the values into a folder of .npy files full of zeros, see `put`.

    Raises:
        FileFormatError: `path` cannot be written, or holds something else.
    """

    def write_file(beside: Path) -> None:
        with partial_folder(path) as folder:
            _create(folder, layout)
            fill(folder)
            _pack(folder, layout, beside)

    def write_folder(new: Path) -> None:
        _create(new, layout)
        fill(new)
        (new / MANIFEST).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    if path.suffix == ".npz":
        write_with(path, write_file)
    else:
        write_folder_with(path, replaceable, write_folder)


def put(folder: Path, name: str, where: tuple[slice, ...], values: Integers) -> None:
    """Write a part of an array; mapped for that long only, so that its pages do not stay with the process."""
    open_memmap(_path(folder, name), "r+")[where] = values


def take(folder: Path, rows: slice) -> dict[str, NDArray[Any]]:
    """The rows of every array of `folder` by name."""
    return {path.stem: np.array(np.load(path, mmap_mode="r")[rows]) for path in sorted(folder.glob("*.npy"))}


@contextmanager
def scratch_arrays(layout: Layout) -> Iterator[Path]:
    """A folder of the arrays of `layout`, full of zeros, for as long as it is needed."""
    with scratch_folder() as folder:
        _create(folder, layout)
        yield folder


def manifest(digest: str, layout: Layout, steps: int, samples: int) -> dict[str, Any]:
    """What a folder says of itself: nothing that depends on who computed it, and how."""
    arrays = {name: {"shape": list(a.shape), "dtype": a.dtype.str[1:]} for name, a in layout.items()}
    return {"schema": SCHEMA, "program": digest, "steps": steps, "samples": samples, "arrays": arrays}


def file_names(program: Program) -> frozenset[str]:
    """Every file that a folder of `program` may hold."""
    arrays = {**trace_layout(program, program.signal_names, 1, 1), **totals_layout(program, 1, 1)}
    return frozenset({MANIFEST, *(f"{name}.npy" for name in arrays)})


def _create(folder: Path, layout: Layout) -> None:
    """Make the files of `layout` in `folder`, full of zeros."""
    for name, array in layout.items():
        path = _path(folder, name)
        open_memmap(path, "w+", array.dtype, array.shape)
        if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process that writes to the map
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _pack(folder: Path, layout: Layout, path: Path) -> None:
    """Put the arrays in `folder` together as an .npz file: the same bytes for the same arrays."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in layout:
            member = zipfile.ZipInfo(f"{name}.npy")  # of 1980, not of today
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            with _path(folder, name).open("rb") as array, archive.open(member, "w", force_zip64=True) as out:
                shutil.copyfileobj(array, out)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _stored(leading: tuple[int, ...], width: int, values: Interval) -> StoredArray:
    return StoredArray((*leading, width), _type(values))


def _type(values: Interval) -> np.dtype[Any]:
    return narrowest(np.array(values, np.int64))
