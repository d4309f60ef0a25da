"""The hand-written C loops of `limits.c` on the workloads."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from standard_bodies import neuron_of, rescale_of

from quantize.graph.bodies import ExpIFConstants
from quantize.graph.layers import UnitLayer
from quantize.graph.segments import table_at
from quantize.numbers.formats import Overflow, Rounding
from quantize.program.file import load_program

from .measure import NotRunError, Prepared, weighted

_OPTIONS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-ffast-math",
    "-fPIC",
    "-shared",
    "-Wall",
    "-Wextra",
    "-Werror",
)
__all__ = ["address", "neuron_structure"]

_SOURCE = Path(__file__).parent / "limits.c"


def w1_interpolating(folder: Path) -> Prepared:
    """The same program: two tables, interpolated, by gathers of AVX2."""
    return _w1(folder, "w1_interpolating")


def w1_one_table(folder: Path) -> Prepared:
    """The same program: one gather from a table of all codes."""
    return _w1(folder, "w1_one_table")


def w1_float(folder: Path) -> Prepared:
    """Float32 exponential Euler, vectorised by the compiler."""
    library, current = _library(), np.load(folder / "current.npy")
    steps, count = current.shape
    spikes = np.zeros(count, np.int32)

    def run() -> None:
        spikes[:] = 0
        v, wait = np.full(count, -65, np.float32), np.zeros(count, np.int32)
        library.w1_float(_i64(steps), _i64(count), *map(address, (current, v, wait, spikes)))

    return Prepared(run, lambda: {"spikes_float": int(spikes.sum())}, _gcc())


def w2_events(folder: Path) -> Prepared:
    """The same program: rows of weights of the inputs that spike, added in registers."""
    library, spikes = _library(), np.load(folder / "spikes.npy")
    layers = load_program(folder / "program.json").graph.layers
    structures = [_layer(layer) for layer in layers]
    initial = np.array([neuron_of(layer).initial[0] for layer in layers], np.int32)
    steps, batch = spikes.shape[:2]
    counts = np.zeros((batch, structures[1].columns), np.int32)
    membranes = [np.zeros((batch, structure.columns), np.int32) for structure in structures]

    def run() -> None:
        counts[:] = 0
        arrays = map(address, (spikes, initial, counts, *membranes))
        library.w2_events(*map(ctypes.byref, structures), _i64(steps), _i64(batch), *arrays)

    def found() -> dict[str, int]:
        output = counts[:, : layers[1].units]
        last = (part[:, : layer.units] for part, layer in zip(membranes, layers, strict=True))
        return {
            "output_spikes": int(output.sum()),
            "outputs_by_place": weighted(output),
            "membranes_by_place": sum(weighted(part) for part in last),
        }

    return Prepared(run, found, _gcc())


def _w1(folder: Path, function: str) -> Prepared:
    call: Callable[..., Any] = getattr(_library(), function)
    drive = np.load(folder / "drive.npy")
    constants = neuron_of(load_program(folder / "program.json").graph.layers[0])
    neuron = neuron_structure(constants)
    steps, count = drive.shape
    membrane, spikes = np.zeros(count, np.int16), np.zeros(count, np.int16)

    def run() -> None:
        membrane[:], spikes[:] = constants.initial, 0
        wait = np.zeros(count, np.int16)
        arrays = map(address, (drive, membrane, wait, spikes))
        call(ctypes.byref(neuron), _i64(steps), _i64(count), *arrays)

    def found() -> dict[str, int]:
        return {"spikes": int(spikes.sum()), "membrane_sum": int(membrane.sum(dtype=np.int64))}

    return Prepared(run, found, _gcc())


class _Neuron(ctypes.Structure):
    """`struct neuron`."""

    _fields_ = (
        *[
            (name, ctypes.c_int32)
            for name in (
                "threshold",
                "reset",
                "period",
                "start",
                "last",
                "domain_shift",
                "growth_shift",
                "sum_low",
                "sum_high",
                "gain_shift",
                "lowest",
                "highest",
            )
        ],
        *[(name, ctypes.c_void_p) for name in ("growth", "gain", "packed")],
    )


class _Layer(ctypes.Structure):
    """`struct layer`."""

    _fields_ = (
        ("inputs", ctypes.c_int64),
        ("columns", ctypes.c_int64),
        ("weight", ctypes.c_void_p),
        ("multiplier", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("rescale_shift", ctypes.c_int32),
        ("drive_low", ctypes.c_int32),
        ("drive_high", ctypes.c_int32),
        ("neuron", _Neuron),
    )


def neuron_structure(n: ExpIFConstants) -> Any:
    """The constants of neurons that are all alike, in the modes that `limits.c` is written for."""
    sites = (n.membrane, n.sum)
    alike = all(
        (values == values[0]).all() for values in (n.threshold, n.reset, n.initial, n.refractory_steps)
    )
    modes = {n.membrane.rounding, n.growth.rounding, *(table.rounding for table in n.gain)}
    rounded = modes == {Rounding.RND}
    if (
        len(n.gain) > 1
        or not alike
        or not rounded
        or any(site.overflow is not Overflow.SAT for site in sites)
    ):
        raise NotRunError("limits.c is written for neurons that are all alike, rounding RND and overflow SAT")
    codes = np.arange(n.growth.start, n.growth.stop)
    growth, gain = (table_at(table, codes) for table in (n.growth, n.gain[0]))
    return _kept(
        _Neuron(
            int(n.threshold[0]),
            int(n.reset[0]),
            int(n.refractory_steps[0]),
            n.growth.start,
            n.growth.stop - 1,
            n.growth.shift,
            n.membrane.format.frac - n.growth.format.frac,
            n.sum.format.lo,
            n.sum.format.hi,
            n.gain[0].format.frac,
            n.membrane.format.lo,
            n.membrane.format.hi,
        ),
        growth=_segments(n.growth.values),
        gain=_segments(n.gain[0].values),
        packed=growth << 16 | gain,
    )


def _segments(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return values[:-1] | np.diff(values) << 16


def _layer(layer: UnitLayer) -> Any:
    rescale, dense = rescale_of(layer), layer.feeds[0].connection
    inputs, columns = dense.sources, -(-layer.units // 16) * 16
    weight = np.zeros((inputs, columns), np.int8)
    weight[:, : layer.units] = dense.weight
    row = np.zeros((2, columns), np.int64)
    row[:, : layer.units] = rescale.multiplier, rescale.bias
    neuron = neuron_structure(neuron_of(layer))
    structure = _Layer(
        inputs,
        columns,
        rescale_shift=rescale.shift,
        drive_low=rescale.format.lo,
        drive_high=rescale.format.hi,
        neuron=neuron,
    )
    structure.weight = weight.ctypes.data
    structure.owned = weight, neuron  # a structure in a structure is a copy: it does not keep its arrays
    return _kept(structure, multiplier=row[0], bias=row[1])


def _kept(structure: Any, **arrays: NDArray[np.int64]) -> Any:
    """`structure` with the addresses of `arrays` as int32; they live as long as it does."""
    words = {name: np.ascontiguousarray(values.astype(np.int32)) for name, values in arrays.items()}
    for name, values in words.items():
        setattr(structure, name, values.ctypes.data)
    structure.words = words
    return structure


def _library() -> ctypes.CDLL:
    if shutil.which("gcc") is None:
        raise NotRunError("gcc is not installed")
    if platform.machine() != "x86_64" or "avx2" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        raise NotRunError("this machine has no AVX2")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "limits.so"
        subprocess.run(["gcc", *_OPTIONS, str(_SOURCE), "-o", str(target), "-lm"], check=True)
        return ctypes.CDLL(str(target))


def _gcc() -> dict[str, str]:
    done = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    return {"gcc": done.stdout.strip()}


def _i64(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


def address(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
