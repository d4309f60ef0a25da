"""Trains small networks with as many cores as the command line says: `python -m tests.cores FOLDER CORES`.

In a process of its own, because XLA counts the cores once. The sizes are such that XLA's own choices, without
those of `expifref.connections.products`, give other bytes with one core than with two.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

__all__ = ["main"]


def limit(cores: int) -> None:
    """Keep this process to `cores` cores; where the machine has fewer, XLA takes as many threads for them."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    os.environ["NPROC"] = str(cores)


def main(folder: Path) -> None:
    """Train for a direct current through synapses, for spikes, and for integers."""
    from expifref.data import Dataset, Samples
    from expifref.encoders import encode
    from expifref.network.architecture import Architecture
    from expifref.network.model_files import ModelFile
    from expifref.training.session import Session
    from expifref.training.settings import TrainingSettings
    from expifref.training.train import train
    from hw_profiles import load_profile
    from quantize.jax.finetune import FinetuneSession, finetune
    from quantize.lowering.calibration import calibrate
    from quantize.lowering.lower import lower

    random = np.random.default_rng(0)
    labels = np.arange(200) % 4
    images = random.random((4, 150), np.float32)[labels] * 0.7 + random.random((200, 150), np.float32) * 0.3
    data = Dataset(
        "made", Samples(images[:150], labels[:150]), Samples(images[150:], labels[150:]), classes=4
    )
    settings = TrainingSettings(epochs=2, batch_size=50)
    current = Architecture(150, 4, hidden=(129,), steps=31, encoder="current", tau_synapse=4.0)
    trained = train(data, current, settings, session=Session(path=folder / "current.safetensors"))
    rate = Architecture(150, 4, hidden=(64, 32), steps=12, encoder="rate")
    train(data, rate, settings, session=Session(path=folder / "rate.safetensors"))
    description = trained.description
    ranges = calibrate(description, [encode("current", data.train.values[:32], description.steps)])
    program = lower(description, ranges, load_profile("generic-16bit"))
    finetune(
        data,
        ModelFile(description, current),
        program,
        settings,
        session=FinetuneSession(path=folder / "tuned.safetensors"),
    )


if __name__ == "__main__":
    limit(int(sys.argv[2]))
    main(Path(sys.argv[1]))
