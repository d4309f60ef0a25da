"""Compiling C for this machine and calling it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder_of
from exporters.running import lay_out, run_tool
from exporters.ways import host_compiler, host_environment

__all__ = ["Library"]

_WARNINGS = (
    *("-Wall", "-Wextra", "-Werror"),
    # Not every graph has states or constants for all units, and one may compare a value with itself.
    *("-Wno-unused-parameter", "-Wno-tautological-compare"),
)

_OPTIONS = ("-std=gnu11", "-O3", "-march=native", "-fPIC", "-shared", *_WARNINGS)
_HEADERS = ("network.h", "sums.h", "convolution.h")


class Library:
    """Compiled C with the arrays that it is handed."""

    def __init__(self, source: str, arrays: Sequence[NDArray[Any]]) -> None:
        """Compile `source`, which reads `arrays` by their numbers.

        Raises:
            MissingToolError: there is no compiler.
            ToolError: the compiler refuses the text.
        """
        folder = scratch_folder_of(self)
        package = resources.files(__package__)
        headers = {name: (package / name).read_text(encoding="utf-8") for name in _HEADERS}
        lay_out(folder, {**headers, "network.c": source})
        compiler, *first = host_compiler()
        run_tool(
            compiler,
            [*first, *_OPTIONS, "network.c", "-o", "network.so"],
            folder,
            environment=host_environment(folder),
        )
        self._functions = ctypes.CDLL(str(folder / "network.so"))
        # The machine reads these arrays: they must live as long as the library.
        self._arrays = tuple(arrays)
        self._constants = _pointers(self._arrays)

    def run(
        self,
        samples: tuple[int, int],
        inputs: NDArray[Any],
        states: Sequence[NDArray[np.int64]],
        signals: Sequence[NDArray[np.int64] | None],
        sums: Sequence[NDArray[np.int64] | None],
    ) -> None:
        """Run samples `samples[0]` to `samples[1] - 1` of `inputs` `[steps, batch, inputs]`.

        `states` `[batch, units]` are read and replaced, `signals` `[steps, batch, units]` written where they
        are not None, and the output of each layer is added to its `sums` `[batch, units]`. Releases the
        interpreter lock, so that ranges of samples can run at once.

        Raises:
            ToolError: there is no memory for the values of one sample.
        """
        steps, batch = inputs.shape[:2]
        numbers = [ctypes.c_int64(number) for number in (steps, batch, *samples)]
        self._call("run", *numbers, _pointer(inputs), *map(_pointers, (states, signals, sums)))

    def drive(
        self,
        blocks: tuple[int, int],
        given: NDArray[Any],
        states: Sequence[NDArray[np.int64]],
        sums: NDArray[np.int64],
    ) -> None:
        """Run blocks of units `blocks[0]` to `blocks[1] - 1` on `given` `[steps, units]`.

        `states` `[units]` are read and replaced, and the output is added to `sums` `[units]`; otherwise as
        `run`.
        """
        numbers = [ctypes.c_int64(number) for number in (len(given), *blocks)]
        self._call("drive", *numbers, _pointer(given), _pointers(states), _pointer(sums))

    def _call(self, name: str, *arguments: Any) -> None:
        if self._functions[f"expifref_{name}"](self._constants, *arguments):
            raise ToolError("the native executor must get memory for one sample, but got none")


def _pointers(arrays: Sequence[NDArray[Any] | None]) -> Any:
    """A C array of the addresses of `arrays`, NULL for None."""
    return (ctypes.c_void_p * len(arrays))(
        *(None if array is None else array.ctypes.data for array in arrays)
    )


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
