"""The hand-written CUDA loop of `limits.cu` on W1."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from standard_bodies import neuron_of

from quantize.program.file import load_program

from .limits import address, neuron_structure
from .measure import NotRunError

__all__ = ["CudaLoop", "w1_cuda"]

_SOURCE = Path(__file__).parent / "limits.cu"


class CudaLoop(NamedTuple):
    """What the loop took, and what it found."""

    milliseconds: float
    found: dict[str, int]


def w1_cuda(folder: Path) -> CudaLoop:
    """The time of the kernel alone, with drives and states on the GPU.

    Raises:
        NotRunError: there is no `nvcc`, or no GPU that it compiles for.
    """
    if shutil.which("nvcc") is None:
        raise NotRunError("nvcc is not installed")
    drive = np.load(folder / "drive.npy")
    constants = neuron_of(load_program(folder / "program.json").graph.layers[0])
    neuron = neuron_structure(constants)
    steps, count = map(ctypes.c_int64, drive.shape)
    codes = ctypes.c_int64(constants.growth.stop - constants.growth.start)
    membrane, spikes = constants.initial.astype(np.int16), np.zeros(drive.shape[1], np.int16)
    with tempfile.TemporaryDirectory() as place:
        target = Path(place) / "limits_cuda.so"
        command = ["nvcc", "-O3", "-arch=native", "-Xcompiler", "-fPIC", "-shared", str(_SOURCE)]
        subprocess.run([*command, "-o", str(target)], check=True)
        call = ctypes.CDLL(str(target)).w1_cuda
    call.restype = ctypes.c_float
    took = call(ctypes.byref(neuron), codes, steps, count, *map(address, (drive, membrane, spikes)))
    if took < 0:
        raise NotRunError("the CUDA loop of limits.cu failed")
    found = {"spikes": int(spikes.sum()), "membrane_sum": int(membrane.sum(dtype=np.int64))}
    return CudaLoop(took, found)
