"""XyloSim on W2: its C++ model of integer LIF neurons, one sample at a time, beyond the sizes of the chip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from xylosim.v2 import XyloLayer, XyloSynapse

from speed.measure import Prepared, required_version

SAMPLES = 4


def w2(folder: Path) -> Prepared:
    """Four samples; weights of 8 bits, neurons that decay by a 128th a step."""
    first, second = (_codes(folder, name) for name in ("first", "second"))
    hidden, outputs = second.shape
    # The layer keeps addresses of these lists only: they must outlive it.
    synapses = [_rows(first), [[] for _ in range(hidden)], _rows(second)]
    layer = XyloLayer(
        synapses_in=synapses[0],
        synapses_rec=synapses[1],
        synapses_out=synapses[2],
        aliases=[[] for _ in range(hidden)],
        threshold=[2000] * hidden,
        threshold_out=[2000] * outputs,
        has_bias=False,
        bias=[0] * hidden,
        bias_out=[0] * outputs,
        weight_shift_inp=0,
        weight_shift_rec=0,
        weight_shift_out=0,
        dash_mem=[7] * hidden,
        dash_mem_out=[7] * outputs,
        dash_syns=[[1]] * hidden,
        dash_syns_out=[[1]] * outputs,
        name="w2",
    )
    inputs = np.load(folder / "spikes.npy")[:, :SAMPLES].swapaxes(0, 1).astype(int).tolist()
    counts: list[int] = []

    def run() -> None:
        counts[:] = [_sample(layer, sample) for sample in inputs]

    def found() -> dict[str, int]:
        return {"output_own": sum(counts), "lists_kept": len(synapses)}

    return Prepared(run, found, required_version("xylosim"), warm_ups=1)


def _codes(folder: Path, name: str) -> Any:
    weight = np.load(folder / f"{name}.npy")
    return np.rint(weight * (127 / np.abs(weight).max())).astype(int)


def _sample(layer: Any, sample: list[list[int]]) -> int:
    layer.reset_all()
    return int(np.sum(layer.evolve(sample)))


def _rows(weight: Any) -> list[list[Any]]:
    return [
        [XyloSynapse(target, 0, int(value)) for target, value in enumerate(row) if value] for row in weight
    ]
