"""Networks that other tools wrote, in `foreign/`, and what those tools do with one input.

`snntorch_*` are of snnTorch 1.0.0 (`export_to_nir`), `norse_lif` of Norse 1.1.0 (`to_nir`), both with torch
2.13.0 and untrained weights: 12 inputs, 16 hidden neurons, 5 that are put out. `spikes.json` has the input of
40 steps, and the spikes that come out, one line for a step. Norse writes time constants as seconds of its own
step of 1 ms, so that a step of its files is 1 us.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from expifref.exchange.importing import read_nir
from expifref.exchange.options import Told
from expifref.network.description import Description

__all__ = ["FOREIGN", "expected", "inputs", "read"]

_FOLDER = Path(__file__).parent / "foreign"
_STEPS = 40

FOREIGN = {"snntorch_leaky": 1e-4, "snntorch_synaptic": 1e-4, "snntorch_rleaky": 1e-4, "norse_lif": 1e-6}
"""Files and their steps in seconds."""


def read(name: str) -> Description:
    """The network of a file."""
    return read_nir(_FOLDER / f"{name}.nir", Told(FOREIGN[name], _STEPS, "spikes", "euler"))


def inputs() -> NDArray[np.uint8]:
    """uint8 `[steps, 1, inputs]`."""
    return _spikes("inputs")[:, None]


def expected(name: str) -> NDArray[np.uint8]:
    """What the tool that wrote a file makes of them, uint8 `[steps, outputs]`."""
    return _spikes(name)


def _spikes(name: str) -> NDArray[np.uint8]:
    lines = json.loads((_FOLDER / "spikes.json").read_text(encoding="utf-8"))[name]
    return np.array([list(map(int, line)) for line in lines], np.uint8)
