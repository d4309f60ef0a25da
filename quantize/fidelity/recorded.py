"""Signals that another executor or a device recorded, compared with the float network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import DataError
from expifref.files.arrays import map_npy, read_npz
from expifref.files.limits import RECORDING
from expifref.files.tensors import load_tensors
from expifref.files.texts import listed
from expifref.network.description import Description
from quantize.graph.layers import full_name
from quantize.program.program import Program
from quantize.run.batches import Batches, as_batch
from quantize.run.emulator import Emulator

from .comparison import Comparison, empty_comparison
from .divergence import FirstDivergence
from .side_by_side import Part, merge
from .signals import float_traces, integer_traces
from .twin import tells_spikes

__all__ = ["Recording", "compare_recorded_part", "compare_recording", "read_recording"]


@dataclass(frozen=True)
class Recording:
    """Signals by their names in the program (docs/spec.md section 6), `[steps, batch, neurons]`."""

    signals: Mapping[str, NDArray[Any]]  # integers of any width, those of a folder mapped

    @property
    def steps(self) -> int:
        """Time steps."""
        return int(next(iter(self.signals.values())).shape[0])

    @property
    def samples(self) -> int:
        """Samples."""
        return int(next(iter(self.signals.values())).shape[1])

    def check_samples(self, samples: int) -> None:
        """Raise DataError unless inputs of so many samples can be those of the recording."""
        if samples != self.samples:
            raise DataError(
                f"the inputs must be those of the recording's {self.samples} samples, not {samples}"
            )


def read_recording(path: Path, program: Program) -> Recording:
    """Read an .npz or .safetensors file, or a folder of .npy files.

    It must hold at least the spikes of every spiking layer of `program`.

    Membranes (of all layers or of none) and the readout are compared if they are there; the rest is not read.

    Raises:
        DataError: the file is missing or damaged, or an array is not what the program's signal looks like.
    """
    wanted = _choices(program)
    if path.is_dir():
        arrays = _map_folder(path, wanted)
    else:
        arrays = (
            _read_safetensors(path, wanted)
            if path.suffix == ".safetensors"
            else read_npz(path, wanted, RECORDING)
        )
    first = next(iter(arrays.values()))
    for name, array in arrays.items():
        shape = (*first.shape[:2], program.graph.signal_units[name])
        if array.ndim != 3 or array.shape != shape or array.dtype.kind not in "iub":
            raise DataError(
                f"{path}: `{name}` must be integers of the shape [steps, batch, {shape[-1]}], as all of the "
                f"file, not {array.dtype} of the shape {list(array.shape)}"
            )
    return Recording(arrays)


def compare_recording(
    description: Description, program: Program, recording: Recording, batches: Batches
) -> Comparison:
    """Compare `recording` with the float network on the inputs it was made from, in the same order.

    The emulator runs beside them: only for a record of the program itself can the program's causes be named.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        DataError: `batches` have other steps or samples than the recording, or a label is no class.
    """
    part = compare_recorded_part(description, program, recording, batches)
    recording.check_samples(part.sums.samples)
    return merge(description, program, [part])


def compare_recorded_part(
    description: Description, program: Program, recording: Recording, batches: Batches, first_sample: int = 0
) -> Part:
    """`compare_recording` on samples `first_sample`, ... only, to be merged; errors likewise."""
    result = empty_comparison(description, program, first_sample)
    first = FirstDivergence(description, program, first_sample)
    emulator = Emulator(program)
    result.differing_values = 0
    for batch in map(as_batch, batches):
        spikes = batch.spikes
        start = first_sample + result.samples
        part = slice(start, start + spikes.shape[1])
        _check_input(recording, spikes.shape[0], part.stop)
        signals = {name: values[:, part].astype(np.int64) for name, values in recording.signals.items()}
        own = emulator.run(spikes, signals=tuple(signals)).signals
        result.differing_values += sum(int((own[name] != signals[name]).sum()) for name in signals)
        real, other = float_traces(description, spikes), integer_traces(description, program, signals)
        first.add(spikes, real, other)
        result.add(real, other, batch)
    result.saturations = dict(sorted(emulator.saturations.items()))
    return Part(result, first.earliest)


def _check_input(recording: Recording, steps: int, samples: int) -> None:
    if steps != recording.steps or samples > recording.samples:
        raise DataError(
            f"the inputs must have the recording's {recording.steps} steps and {recording.samples} samples, "
            f"not {steps} and at least {samples}"
        )


def _choices(program: Program) -> list[tuple[str, ...]]:
    """What a file may hold, the most telling first."""
    graph = program.graph
    spiking = [layer.name for layer in graph.layers if tells_spikes(layer)]
    spikes = tuple(full_name(name, "spikes") for name in spiking)
    membranes = tuple(full_name(name, "membrane") for name in spiking)
    output = () if graph.output in spiking else (program.output_name,)
    choices = [(*spikes, *membranes, *output), (*spikes, *output), (*spikes, *membranes), spikes]
    return [choice for choice in dict.fromkeys(choices) if choice]


def _read_safetensors(path: Path, choices: list[tuple[str, ...]]) -> dict[str, NDArray[Any]]:
    arrays, _ = load_tensors(path, RECORDING)
    return {name: arrays[name] for name in _choose(path, set(arrays), choices)}


def _map_folder(path: Path, choices: list[tuple[str, ...]]) -> dict[str, NDArray[Any]]:
    # A folder from elsewhere must not lead to other places.
    there = {file.name.removesuffix(".npy") for file in path.glob("*.npy") if not file.is_symlink()}
    return {name: map_npy(path / f"{name}.npy", RECORDING) for name in _choose(path, there, choices)}


def _choose(path: Path, there: set[str], choices: list[tuple[str, ...]]) -> tuple[str, ...]:
    for names in choices:
        if there >= set(names):
            return names
    raise DataError(f"{path} must hold the arrays {', '.join(choices[-1])}; it holds {listed(there)}")
