"""The files and names that pages speak of and do not make: of a tiny network, untrained, for the digits."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from expifref import load_dataset, save_description
from expifref.network.description import Description
from exporters import export_program
from quantize.program.file import save_program
from tests.networks import lowered, network
from tests.programs import random_program

from .inventory import ROOT

__all__ = ["GIVEN", "STEPS", "prepare"]

SIZES, STEPS = (64, 6, 10), 4

_SENSOR = """
from types import SimpleNamespace
import numpy as np

class Recordings:
    sensor_size = (4, 4, 2)

    def __init__(self, folder, train):
        pass

    def __len__(self):
        return 20

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(index)
        events = np.zeros(9, [("t", int), ("x", int), ("y", int), ("p", int)])
        events["t"], events["x"] = np.arange(9) * 30_000, index % 4
        return events, index % 2

datasets = SimpleNamespace(NMNIST=Recordings)
"""
"""What stands in for the library `tonic`, whose data sets are downloads."""


def prepare(folder: Path) -> None:
    """Write all of it into `folder`."""
    model = tiny()
    program, fpga = lowered(model), lowered(model, "ecp5-25f")
    for place in (folder, folder / "out", folder / "out" / "tutorial"):
        place.mkdir(exist_ok=True)
        save_description(place / "model.safetensors", model)
        save_program(program, place / "program.json")
        save_program(fpga, place / "fpga.json")
    save_program(
        random_program(7, layers=1, readout=False, widths=(5, 6), weight_bits=4, input_bits=1),
        folder / "small.json",
    )
    save_description(folder / "big.safetensors", model)
    save_description(folder / "leaky.safetensors", tiny(model="lif", tau_ref=0.0, tau_readout=None))
    export_program(program, "onnx", folder / "network.onnx")
    data = load_dataset("digits").test
    np.savez(folder / "big.npz", x=data.values[:60] / np.float32(255), y=data.labels[:60])
    spikes = np.random.default_rng(0).integers(0, 256, (STEPS, 3, SIZES[0])).astype(np.uint8)
    np.savez(folder / "spikes.npz", spikes=spikes)
    np.savez(folder / "in.npz", spikes=spikes)
    np.save(folder / "spikes.npy", spikes)
    (folder / "tonic.py").write_text(_SENSOR, encoding="utf-8")
    (profile,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/profiles.md").read_text("utf-8"), re.DOTALL)
    (folder / "my-dsp.json").write_text(profile, encoding="utf-8")


def tiny(**changes: Any) -> Description:
    return replace(network(SIZES, encoder="current", tau_synapse=None, **changes), steps=STEPS)


def a_module() -> dict[str, Any]:
    """A module with its program and inputs."""
    import brainstate
    import saiunit as u

    import expifref

    class Net(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into = brainstate.nn.Linear(4, 3)
            self.neurons = expifref.ExpIFRef(3, R=40.0 * u.ohm)
            self.sum = expifref.LeakyReadout(3, tau=10.0 * u.ms)

        def update(self, x: Any) -> Any:
            return self.sum(self.neurons(self.into(x) * u.mA))

    net = Net()
    spikes = (np.random.default_rng(0).random((5, 2, 4)) < 0.5).astype(np.uint8)
    description = expifref.describe(net, 1.0 * u.ms, steps=5)
    return {"net": net, "program": lowered(description), "batches": [(spikes, None)]}


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {"docs/fidelity.md": a_module}
"""What snippets of a page take as made by the reader."""
