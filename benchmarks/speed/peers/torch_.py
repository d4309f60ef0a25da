"""snnTorch and sinabs on W2, in float32 on one thread: the same layers with their own leaky neurons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speed.measure import Prepared, required_version

_DECAY = 0.99  # 10 ms at steps of 0.1 ms


def w2_snntorch(folder: Path) -> Prepared:
    """`snntorch.Leaky`, one call for each layer and step."""
    import snntorch

    first, second = (_linear(folder, name, 1 - _DECAY) for name in ("first", "second"))
    neurons = [snntorch.Leaky(beta=_DECAY) for _ in range(2)]

    def forward(spikes: Any) -> Any:
        states = [part.init_leaky() for part in neurons]
        total = 0
        for frame in spikes:
            hidden, states[0] = neurons[0](first(frame), states[0])
            output, states[1] = neurons[1](second(hidden), states[1])
            total = total + output
        return total

    return _prepared(folder, forward, "snntorch")


def w2_sinabs(folder: Path) -> Prepared:
    """`sinabs.layers.LIF`, each layer over all steps."""
    import sinabs.layers

    first, second = (_linear(folder, name) for name in ("first", "second"))
    neurons = [sinabs.layers.LIF(tau_mem=100.0) for _ in range(2)]  # in steps

    def forward(spikes: Any) -> Any:
        for part in neurons:
            part.reset_states()
        by_sample = spikes.transpose(0, 1)
        return neurons[1](second(neurons[0](first(by_sample)))).sum(dim=1)

    return _prepared(folder, forward, "sinabs")


def _linear(folder: Path, name: str, gain: float = 1.0) -> Any:
    weight = torch.from_numpy(np.load(folder / f"{name}.npy").T.copy())
    layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight.data = weight * gain
    return layer


def _prepared(folder: Path, forward: Callable[[Any], Any], library: str) -> Prepared:
    torch.set_num_threads(1)
    spikes = torch.from_numpy(np.load(folder / "spikes.npy")).float()
    last: list[Any] = []

    def run() -> None:
        with torch.no_grad():
            last[:] = [forward(spikes)]

    return Prepared(run, lambda: {"output_float": int(last[0].sum())}, required_version(library, "torch"))
