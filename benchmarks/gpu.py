"""The JAX executor on a GPU: how fast, and whether every bit is that of the emulator.

    python benchmarks/gpu.py [--program PROGRAM] [--out out/gpu.json]
    python benchmarks/gpu.py --interpret --small     on any machine: that the script runs, not how fast

Takes a few minutes on a GPU, most of it for the emulator. PROGRAM is a program for Fashion-MNIST; without one
its test images run through the network of W2 (`speed/workloads.py`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray
from speed import ours
from speed.measure import NotRunError
from speed.workloads import make_w1, make_w2

from quantize.graph.layers import Graph
from quantize.jax import JaxExecutor
from quantize.jax.frames import checked_frames
from quantize.jax.run import Steps
from quantize.jax.scan import Asked
from quantize.program.file import load_program
from quantize.run.digests import place_digest
from quantize.run.emulator import GraphEmulator

__all__ = ["Line", "digest_lines", "network_lines", "neuron_lines"]

_REPEATS = 9
_TILES = 16
"""Batches of 64 in a large one."""

_STEPS = 25
_PIECE = 500
"""Images that the emulator runs at a time."""

_wait: Callable[[Any], Any] = jax.block_until_ready


@dataclass(frozen=True)
class Line:
    """One measured thing."""

    name: str
    value: float | None
    unit: str
    goal: str = ""
    not_run: str = ""


def milliseconds(run: Callable[[], object]) -> float:
    """The median wall time of a run, which waits for its end."""
    for _ in range(3):  # brainstate compiles a second time on the second call
        run()
    took = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run()
        took.append(1e3 * (time.perf_counter() - start))
    return statistics.median(took)


def attempt(name: str, measure: Callable[[], float], goal: str = "") -> Line:
    """A time, or why there is none."""
    try:
        return Line(name, measure(), "ms", goal)
    except NotRunError as reason:
        return Line(name, None, "ms", goal, str(reason))


def neuron_lines(folder: Path, steps: Steps) -> list[Line]:
    """W1: as a kernel, in float, in CUDA; the emulator says what is right."""
    from speed import float_models
    from speed.cuda import w1_cuda

    kernel, emulated = ours.w1_jax(folder, steps), ours.w1_emulator(folder)
    took = milliseconds(kernel.run)
    emulated.run()
    wanted = emulated.found()

    def by_hand() -> float:
        loop = w1_cuda(folder)
        if loop.found != wanted:
            raise NotRunError(f"the CUDA loop must find {wanted}, not {loop.found}")
        return loop.milliseconds

    return [
        Line("W1, expifref", took, "ms", "a tenth of brainpy.state, twice the CUDA loop"),
        attempt("W1, brainpy.state in float", lambda: milliseconds(float_models.w1(folder).run)),
        attempt("W1, hand-written CUDA loop", by_hand),
        Line("W1, sums of spikes and membranes that differ", float(kernel.found() != wanted), "", "0"),
    ]


def network_lines(graph: Graph, spikes: NDArray[Any], tiles: int, steps: Steps) -> list[Line]:
    """W2: every signal of one batch against the emulator, then many batches side by side."""
    executor = JaxExecutor(graph, 1, steps)
    found, wanted = executor.run(spikes), GraphEmulator(graph).run(spikes)
    differing = sum(int((found.signals[name] != values).sum()) for name, values in wanted.signals.items())
    many = np.tile(spikes, (1, tiles, 1))
    asked = Asked(len(many), frozenset(), frozenset([graph.output]))
    uploaded, bits = executor.upload(many), checked_frames(graph.input, many, executor.sends_bits)

    def outputs(frames: Any) -> Callable[[], object]:
        return lambda: np.asarray(executor.on_devices(frames, asked).totals[graph.output])

    label = f"W2, batch {many.shape[1]}"
    return [
        Line(f"W2, values of {len(wanted.signals)} signals that differ", float(differing), "", "0"),
        Line(
            f"{label}, inputs on the device",
            milliseconds(lambda: _wait(executor.on_devices(uploaded, asked))),
            "ms",
            "a third of brainpy.state",
        ),
        Line(f"{label}, inputs on the host", milliseconds(outputs(many)), "ms", "<= 5"),
        Line(f"{label}, inputs on the host as bits", milliseconds(outputs(bits)), "ms", "<= 5"),
    ]


def digest_lines(graph: Graph, spikes: NDArray[Any], steps: Steps, piece: int = _PIECE) -> list[Line]:
    """All samples: every signal digested where it is computed, and by the emulator."""
    executor, emulator = JaxExecutor(graph, 1, steps), GraphEmulator(graph)
    found = executor.digests(spikes)  # compiles
    start = time.perf_counter()
    executor.digests(spikes)
    took = time.perf_counter() - start
    zero, wanted = np.zeros(1, np.uint64), dict.fromkeys(found, 0)
    for first in range(0, spikes.shape[1], piece):
        run = emulator.run(spikes[:, first : first + piece])
        for name, values in run.signals.items():
            share = int(place_digest(values, zero, np.array([first], np.uint64)))
            wanted[name] = (wanted[name] + share) % (1 << 64)
    differing = sum(found[name] != value for name, value in wanted.items())
    samples = f"Fashion-MNIST, {spikes.shape[1]} images of {len(spikes)} steps"
    return [
        Line(f"{samples}, every signal digested", took, "s", "< 0.5"),
        Line(f"{samples}, signals of {len(wanted)} that differ", float(differing), "", "0"),
    ]


def lines(folder: Path, program: Path | None, steps: Steps, small: bool) -> list[Line]:
    """All of them."""
    w1, w2 = folder / "w1", folder / "w2"
    with jax.default_device(jax.devices("cpu")[0]):
        for place, make in ((w1, make_w1), (w2, make_w2)):
            place.mkdir()
            make(place)
    if small:
        for name in ("drive", "current"):
            np.save(w1 / f"{name}.npy", np.load(w1 / f"{name}.npy")[:5])
    spikes = np.load(w2 / "spikes.npy")[: 3 if small else None, : 2 if small else None]
    graph = load_program(w2 / "program.json").graph
    tiles = 2 if small else _TILES
    found = neuron_lines(w1, steps) + network_lines(graph, spikes, tiles, steps)
    np.save(w2 / "spikes.npy", np.tile(spikes, (1, tiles, 1)))
    found.append(_float_network(w2))
    return found + _test_images(load_program(program).graph if program else graph, steps, small)


def _float_network(folder: Path) -> Line:
    from speed import float_models

    name = "W2, brainpy.state in float, the same batch on the device"
    return attempt(name, lambda: milliseconds(float_models.w2(folder).run))


def _test_images(graph: Graph, steps: Steps, small: bool) -> list[Line]:
    from expifref.data import load
    from expifref.encoders import encode
    from expifref.exceptions import DataError

    try:
        values = load("fashion-mnist").test.values
    except DataError as reason:
        return [Line("Fashion-MNIST", None, "s", "< 0.5", str(reason))]
    frames = encode("rate", values[:4] if small else values, 2 if small else _STEPS)
    return digest_lines(graph, frames, steps)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path)
    parser.add_argument("--interpret", action="store_true", help="without a GPU")
    parser.add_argument("--small", action="store_true", help="a few steps and samples")
    parser.add_argument("--out", type=Path, default=Path("out/gpu.json"))
    arguments = parser.parse_args()
    device = jax.local_devices()[0]
    if device.platform != "gpu" and not arguments.interpret:
        raise SystemExit("JAX must find a GPU, but finds none: use --interpret --small to try the script")
    with tempfile.TemporaryDirectory() as folder:
        steps: Steps = "interpret" if arguments.interpret else "kernel"
        found = lines(Path(folder), arguments.program, steps, arguments.small)
    report = {"device": device.device_kind, "jax": jax.__version__, "lines": [asdict(line) for line in found]}
    text = json.dumps(report, indent=2) + "\n"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
