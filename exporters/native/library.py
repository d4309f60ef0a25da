"""Compiling the text of `source.py` and calling it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ToolError
from expifref.scratch import scratch_folder_of
from exporters.tools import lay_out, run_tool

from .source import CONSTANTS, NativeLayer

__all__ = ["Library", "pointers"]

_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-type-limits")
"""The last one, because a site of 32 bits may clip what comes from a product of 32, and so never does."""

_OPTIONS = ("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared", *_WARNINGS)
_HEADERS = ("network.h", "layer.h")


class Library:
    """A compiled program with its constants bound."""

    def __init__(self, source: str, layers: tuple[NativeLayer, ...]) -> None:
        """Compile `source`, which `layers` belong to.

        Raises:
            MissingToolError: there is no GCC.
            ToolError: the compiler refuses the text.
        """
        folder = scratch_folder_of(self)
        package = resources.files(__package__)
        headers = {name: (package / name).read_text(encoding="utf-8") for name in _HEADERS}
        lay_out(folder, {**headers, "network.c": source})
        run_tool("gcc", [*_OPTIONS, "network.c", "-o", "network.so"], folder)
        self._functions = ctypes.CDLL(str(folder / "network.so"))
        # The machine reads these arrays: they must live as long as the library.
        self._arrays = [native.arrays.get(name) for native in layers for name in CONSTANTS]
        self._constants = pointers(self._arrays)

    def run(
        self,
        samples: tuple[int, int],
        inputs: NDArray[np.uint8],
        states: Sequence[NDArray[np.int64]],
        signals: Sequence[NDArray[np.int64] | None],
        sums: Sequence[NDArray[np.int64] | None],
    ) -> None:
        """Run samples `samples[0]` to `samples[1] - 1` of `inputs` `[steps, batch, inputs]`.

        `states` `[batch, neurons]` are read and replaced, `signals` `[steps, batch, neurons]` written where
        they are not None, and the output of each layer is added to its `sums` `[batch, neurons]`. Releases
        the interpreter lock, so that ranges of samples can run at once.

        Raises:
            ToolError: there is no memory for the state of one sample.
        """
        steps, batch = inputs.shape[:2]
        numbers = [ctypes.c_int64(number) for number in (steps, batch, *samples)]
        failed = self._functions.expifref_run(
            *numbers, _pointer(inputs), self._constants, *map(pointers, (states, signals, sums))
        )
        if failed:
            raise ToolError("the native executor must get memory for one sample, but got none")

    def drive(
        self,
        neurons: tuple[int, int],
        drives: NDArray[Any],
        membrane: NDArray[Any],
        refractory: NDArray[Any],
        counts: NDArray[np.int64],
    ) -> None:
        """Run neurons `neurons[0]` to `neurons[1] - 1` of the first layer on `drives` `[steps, neurons]`."""
        numbers = [ctypes.c_int64(number) for number in (len(drives), *neurons)]
        arrays = (_pointer(drives), self._constants, *map(_pointer, (membrane, refractory, counts)))
        self._functions.expifref_drive(*numbers, *arrays)


def pointers(arrays: Sequence[NDArray[Any] | None]) -> Any:
    """A C array of the addresses of `arrays`, NULL for None."""
    return (ctypes.c_void_p * len(arrays))(
        *(None if array is None else array.ctypes.data for array in arrays)
    )


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
