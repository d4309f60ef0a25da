"""A network of 100 million weights, from model file to verified exports: memory and time of every command.

The network is random (4096-10240-5680-10, 10 steps); what is measured does not depend on what it has learned.
Run as a script (`make large`) it writes large_network.json and large_networks.md into docs/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from large_page import page
from speed.run import cpu_model
from speed.workloads import neurons

from expifref.files.writing import write_text
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    ReadoutDescription,
    SpikingDescription,
)
from expifref.network.model_files import save_description

__all__ = ["Measured", "bound_mb", "commands", "measure"]

_DOCS = Path(__file__).parents[1] / "docs"
_SIZES = (4096, 10240, 5680, 10)
_STEPS = 10
_SAMPLES = 64
_CALIBRATION = 16
_VERIFIED = 16
_SEED = 0
_MB = 1e6


@dataclass(frozen=True)
class Measured:
    """One command."""

    command: str
    wall_s: float
    cpu_s: float
    peak_mb: float  # ru_maxrss


def bound_mb(weight_bits: int) -> float:
    """Most memory that a command may take: three times the packed weights and 500 MB."""
    return 3 * weights() * weight_bits / 8 / _MB + 500


def weights() -> int:
    """Weights of the network."""
    return sum(a * b for a, b in pairwise(_SIZES))


def commands(folder: Path, weight_bits: int) -> dict[str, list[str]]:
    """What is measured, by name: arguments of `expifref`, in order."""
    program = str(folder / f"program{weight_bits}.json")
    data = ["--dataset", str(folder / "samples.npz")]
    bits = ["--weight-bits", str(weight_bits), "--calibration-samples"]
    quantize = ["quantize", str(folder / "model.safetensors"), "--out", program, *data, *bits]
    verify = ["verify", program, *data, "--samples", str(_VERIFIED), "--json", "--executor"]
    return {
        "quantize, 1 sample": [*quantize, "1"],
        f"quantize, {_CALIBRATION} samples": [*quantize, str(_CALIBRATION)],
        "export --to json": ["export", program, "--to", "json", "--out", str(folder / "deployment.json")],
        "export --to onnx": ["export", program, "--to", "onnx", "--out", str(folder / "network.onnx")],
        "export --to onnx-step": ["export", program, "--to", "onnx-step", "--out", str(folder / "step.onnx")],
        "verify, native": [*verify, "native"],
        "verify, deployment file": [*verify, str(folder / "deployment.json"), "--reference", "native"],
        "verify, ONNX Runtime": [*verify, str(folder / "network.onnx"), "--reference", "native"],
        "verify, JAX": [*verify, "jax", "--reference", "native"],
    }


def measure(arguments: list[str], log: Path) -> tuple[Measured, str]:
    """Run `expifref` with `arguments`; also returns what it printed."""
    started = time.perf_counter()
    with log.open("w", encoding="utf-8") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", *arguments], stdout=subprocess.PIPE, stderr=err, text=True
        )
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"expifref {' '.join(arguments)} failed: {log.read_text(encoding='utf-8')}{printed}")
    wall = time.perf_counter() - started
    found = Measured(
        " ".join(arguments[:1]), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / _MB
    )
    return found, printed


def write_network(folder: Path) -> None:
    """The model file and the samples."""
    rng = np.random.default_rng(_SEED)
    layers: list[SpikingDescription | ReadoutDescription] = []
    source = INPUT
    for index, (inputs, width) in enumerate(pairwise(_SIZES)):
        weight = rng.standard_normal((inputs, width))
        feeds = (FeedDescription(source, weight),)
        source = f"layer{index}"
        if index == len(_SIZES) - 2:
            layers.append(ReadoutDescription("readout", feeds, np.zeros(width), np.full(width, 20e-3)))
            continue
        weight *= 40e-3 / np.sqrt(inputs)
        bias = np.full(width, 5e-3)
        layers.append(SpikingDescription(f"layer{index}", feeds, bias, None, neurons(width)))
    description = Description(1e-3, _SIZES[0], tuple(layers), "rate", _STEPS)
    save_description(folder / "model.safetensors", description)
    images = rng.random((2 * _SAMPLES, _SIZES[0]), np.float32) * 0.4
    labels = rng.integers(0, _SIZES[-1], 2 * _SAMPLES)
    train, test = slice(0, _SAMPLES), slice(_SAMPLES, None)
    np.savez(
        folder / "samples.npz",
        x_train=images[train],
        y_train=labels[train],
        x_test=images[test],
        y_test=labels[test],
    )


def disk_seconds(folder: Path, *, cold: bool) -> float:
    """To read the model file, `cold` not from the page cache, and to write the bytes of a program."""
    started = time.perf_counter()
    with (folder / "model.safetensors").open("rb") as model, (folder / "copy").open("wb") as copy:
        if cold:
            os.posix_fadvise(model.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while block := model.read(8 << 20):
            copy.write(block[: len(block) // 8])
        copy.flush()
        os.fsync(copy.fileno())
    spent = time.perf_counter() - started
    (folder / "copy").unlink()
    return spent


def main() -> None:
    """Measure, or only make the network in a process of its own, so that its memory is not counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("out/large"), help="where the files go (2 GB)")
    parser.add_argument("--weight-bits", type=int, nargs="+", default=[8, 4])
    parser.add_argument("--only", help="commands whose name holds this")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.make:
        write_network(given.folder)
        return
    if not (given.folder / "samples.npz").exists():
        subprocess.run([sys.executable, __file__, "--folder", given.folder, "--make"], check=True)
    found: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "sizes": list(_SIZES),
        "steps": _STEPS,
        "calibration": _CALIBRATION,
        "verified": _VERIFIED,
        "weights": weights(),
        "model_mb": (given.folder / "model.safetensors").stat().st_size / _MB,
        "disk_s": disk_seconds(given.folder, cold=False),
        "cold_s": disk_seconds(given.folder, cold=True),
        "programs": [],
    }
    for bits in given.weight_bits:
        rows = []
        for name, arguments in commands(given.folder, bits).items():
            if given.only and given.only not in name:
                continue
            row, printed = measure(arguments, given.folder / "log.txt")
            rows.append(asdict(row) | {"command": name} | _compared(printed))
            print(
                f"{bits} bits  {name:24} {row.wall_s:7.1f} s  {row.cpu_s:7.1f} s CPU  {row.peak_mb:6.0f} MB"
            )
        json_bytes = (given.folder / f"program{bits}.json").stat().st_size
        found["programs"].append(
            {"weight_bits": bits, "bound_mb": bound_mb(bits), "json_bytes": json_bytes, "commands": rows}
        )
    found["load"] = os.getloadavg()[0]
    if not given.only:
        write_text(_DOCS / "large_network.json", json.dumps(found, indent=1) + "\n")
        write_text(_DOCS / "large_networks.md", page(found))


def _compared(printed: str) -> dict[str, int]:
    """Of `verify`: how many values were compared and how many bits differ."""
    if not printed.startswith("{"):
        return {}
    (entry,) = json.loads(printed)["executors"].values()
    return {"values": entry["values"], "differing_bits": entry["differing_bits"]}


if __name__ == "__main__":
    main()
