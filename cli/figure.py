"""A picture of one test sample: spikes and membrane, float network against integer program."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from expifref.exceptions import UnsupportedError
from expifref.network.decision import SUM

from .figure_text import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from expifref.data import Dataset
    from expifref.network.model_files import ModelFile
    from quantize.fidelity.signals import LayerTrace
    from quantize.program.program import Program

__all__ = ["draw"]

_FLOAT, _INTEGER = "#b0b7c3", "#c0392b"


def draw(model: ModelFile, program: Program, data: Dataset, seed: int, path: Path) -> None:
    """Write the picture of the first test sample to `path` (PNG)."""
    # The figure is built without pyplot, which would look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from expifref.files.writing import write_bytes
    from quantize.fidelity.signals import float_traces, integer_traces
    from quantize.run.emulator import Emulator

    from .samples import Feed

    description, sample = model.description, data.test[:1]
    feed = Feed(description.encoder, description.steps, seed, model.decision)
    spikes = feed.encode(sample)
    execution = Emulator(program).run(spikes)
    float_hidden = float_traces(description, spikes)[0]
    integer_hidden = integer_traces(description, program, execution.signals)[0]
    real, volts = _first_sample(float_hidden)
    integer, codes = _first_sample(integer_hidden)
    outputs = execution.signals[program.output_name]
    summed = model.decision == SUM
    curves = outputs[:, 0].cumsum(axis=0) if summed else outputs[:, 0]
    time = np.arange(len(real), dtype=np.float64) * (description.dt * 1e3)

    figure = Figure(figsize=(10, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1))
    _raster(figure.add_subplot(grid[0, :]), time, real, integer)
    _membrane(figure.add_subplot(grid[1, 0]), time, volts, codes, _typical(real))
    axes = figure.add_subplot(grid[1, 1])
    decision = feed.decision(sample)
    if decision.over_time or sample.real:
        _curves(axes, time, curves, None)
        axes.set_title("output", fontsize=10)
    else:
        chosen, label = int(decision.classes(outputs)[0]), int(sample.labels[0])
        _curves(axes, time, curves, label)
        axes.set_title(f"decision: class {chosen} (label {label}, red)", fontsize=10)
    axes.set_ylabel(f"{'summed ' if summed else ''}output (integer)")
    device = program.evidence.device
    title = f"{data.name}, test sample 0: float network against integer program ({device})"
    figure.suptitle(caption(title))
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def _first_sample(hidden: LayerTrace) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Spikes and membrane (mV) of the first sample, each `[steps, neurons]`."""
    if hidden.spikes is None or hidden.value is None:
        raise UnsupportedError("the picture shows a spiking layer, and this network has none")
    return hidden.spikes[:, 0], hidden.value[:, 0]


def _typical(spikes: NDArray[np.bool_]) -> int:
    """The neuron with the median number of spikes among those that spike at all."""
    counts = spikes.sum(axis=0)
    active = np.flatnonzero(counts) if counts.any() else np.arange(len(counts))
    return int(active[np.argsort(counts[active], kind="stable")[len(active) // 2]])


def _raster(
    axes: Axes, time: NDArray[np.float64], real: NDArray[np.bool_], integer: NDArray[np.bool_]
) -> None:
    for spikes, size, color, label in ((real, 34, _FLOAT, "float"), (integer, 7, _INTEGER, "integer")):
        step, neuron = np.nonzero(spikes)
        axes.scatter(time[step], neuron, s=size, color=color, label=label, linewidths=0)
    differing = int((real != integer).sum())
    axes.set(xlabel="time (ms)", ylabel="hidden neuron", xlim=(time[0] - 0.5, time[-1] + 0.5))
    axes.set_title(f"{int(real.sum())} float spikes, {differing} of all cells differ", fontsize=10)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _membrane(
    axes: Axes, time: NDArray[np.float64], volts: NDArray[np.float64], codes: NDArray[np.float64], neuron: int
) -> None:
    axes.plot(time, volts[:, neuron], color=_FLOAT, linewidth=4, label="float")
    axes.plot(time, codes[:, neuron], color=_INTEGER, linewidth=1.2, label="integer code")
    axes.set(xlabel="time (ms)", ylabel="membrane (mV)")
    axes.set_title(f"membrane of neuron {neuron}", fontsize=10, loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, borderaxespad=0.2)


def _curves(axes: Axes, time: NDArray[np.float64], curves: NDArray[np.int64], marked: int | None) -> None:
    """The output that is decided by; red is that of the class `marked`."""
    for index in range(curves.shape[1]):
        color = _INTEGER if index == marked else _FLOAT
        axes.plot(time, curves[:, index], color=color, linewidth=2 if index == marked else 1)
    axes.set(xlabel="time (ms)")
