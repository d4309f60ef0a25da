"""Lava's fixed-point simulation on W2 (`PyLifModelBitAcc`), one sample after the other.

Lava runs each layer in a process of its own, which lives on between the runs.
"""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF

from speed.measure import Prepared, required_version

SAMPLES = 8
_TICK = os.sysconf("SC_CLK_TCK")


def w2(folder: Path) -> Prepared:
    """Eight samples, each from the initial state; neurons that decay by a 128th a step, weights of 8 bits."""
    inputs = np.load(folder / "spikes.npy")[:, :SAMPLES].swapaxes(0, 1)
    steps = inputs.shape[1]
    source = Source(data=inputs.reshape(-1, inputs.shape[2]).T.astype(int))
    first, second = (_dense(folder, name) for name in ("first", "second"))
    hidden, outputs = (_neurons(part) for part in (first, second))
    sink = Sink(shape=outputs.s_out.shape, buffer=SAMPLES * steps)
    source.s_out.connect(first.s_in)
    first.a_out.connect(hidden.a_in)
    hidden.s_out.connect(second.s_in)
    second.a_out.connect(outputs.a_in)
    outputs.s_out.connect(sink.a_in)
    config = Loihi2SimCfg(select_tag="fixed_pt")
    state = [hidden.u, hidden.v, outputs.u, outputs.v, first.a_buff, second.a_buff]

    def run() -> None:
        for _ in range(SAMPLES):
            hidden.run(condition=RunSteps(num_steps=steps), run_cfg=config)
            for part in state:
                part.set(np.zeros(part.shape, int))

    return Prepared(
        run,
        lambda: {"output_own": int(sink.data.get().sum())},
        required_version("lava-nc", "numpy"),
        warm_ups=1,
        elsewhere=_seconds_of_children,
        close=hidden.stop,
    )


def _dense(folder: Path, name: str) -> Any:
    weight = np.load(folder / f"{name}.npy").T
    return Dense(weights=np.rint(weight * (127 / np.abs(weight).max())).astype(int), num_weight_bits=8)


def _neurons(dense: Any) -> Any:
    return LIF(shape=dense.a_out.shape, du=4095, dv=32, vth=2000)


def _seconds_of_children() -> float:
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # of the user and of the system
    return ticks / _TICK
