"""Measures what operations cost here and how well `cost_model.py` predicts other runs.

    python benchmarks/cost_run.py

Writes docs/cost_model.json and docs/cost_model.md (four minutes, one core).
"""

from __future__ import annotations

import json
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from cost_model import TERMS, Shape, fit, memory, seconds
from cost_page import page
from numpy.typing import NDArray
from speed.run import cpu_model
from speed.workloads import DT, PROFILE, bernoulli, neurons

from expifref.files.writing import write_text
from expifref.network.description import INPUT, Description, FeedDescription, SpikingDescription
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Executor

_DOCS = Path(__file__).parents[1] / "docs"
_ROUNDS = 3
_REPEATS = 3
_LEAST_S = 0.02
_CALIBRATION_STEPS = 60

CALIBRATION: Mapping[str, Shape] = {
    "call": Shape((16, 16, 16), 1, 1, 0.5),
    "layer_step": Shape((16, 16, 16), 1000, 1, 0.5),
    "sample_step": Shape((16, 16), 20, 256, 0.5),
    "input": Shape((8192, 16), 20, 64, 0.02),
    "event": Shape((1024, 256), 40, 16, 0.3),
    "mac": Shape((2048, 256), 8, 256, 0.1),
    "product": Shape((2048, 256), 8, 256, 0.1),
    "weight": Shape((2048, 1024), 10, 1, 0.1),
    "far_event": Shape((3072, 4096), 8, 4, 0.15),
    "far_weight": Shape((3072, 4096), 8, 4, 0.15),
    "neuron": Shape((16, 4096), 50, 4, 0.2),
    "trace": Shape((16, 1024), 50, 16, 0.2, traces=True),
    "page": Shape((16, 1024), 50, 64, 0.2, traces=True),
}
"""For each cost the run that is mostly made of it."""

_BASE = Shape((784, 512, 10), 50, 16, 0.15)
GRID = (
    _BASE,
    replace(_BASE, batch=1),
    replace(_BASE, batch=4),
    replace(_BASE, batch=64),
    replace(_BASE, batch=256),
    replace(_BASE, steps=12),
    replace(_BASE, steps=200),
    replace(_BASE, density=0.03),
    replace(_BASE, density=0.6),
    replace(_BASE, widths=(196, 512, 10)),
    replace(_BASE, widths=(3136, 512, 10)),
    replace(_BASE, widths=(784, 128, 10)),
    replace(_BASE, widths=(784, 2048, 10)),
    replace(_BASE, widths=(3136, 2048, 10), batch=4),
    replace(_BASE, widths=(4096, 4096, 10), steps=12, batch=4),
    replace(_BASE, widths=(8192, 2048, 10), steps=12, batch=16),
    replace(_BASE, widths=(49, 32, 10), batch=1),
    replace(_BASE, widths=(49, 32, 10)),
    replace(_BASE, widths=(784, 512, 512, 10)),
    replace(_BASE, constant=True),
    replace(_BASE, widths=(784, 256, 10), batch=256, steps=25, density=0.5, constant=True),
    replace(_BASE, batch=1, traces=True),
    replace(_BASE, traces=True),
    replace(_BASE, batch=64, traces=True),
    replace(_BASE, widths=(784, 512, 512, 10), batch=64, traces=True),
)
"""Runs that are predicted; none of them is in `CALIBRATION`."""


def main() -> None:
    """Measure everything, take the costs from the calibration, and predict the rest."""
    _alone()
    best = _all_measured(list(dict.fromkeys((*CALIBRATION.values(), *GRID))))
    measured = {
        executor: {term: best[CALIBRATION[term]][executor].cpu for term in terms}
        for executor, terms in TERMS.items()
    }
    costs = {executor: fit(CALIBRATION, times) for executor, times in measured.items()}
    rows = [_row(shape, best[shape], costs) for shape in GRID]
    document = {
        "schema": "expifref/cost-model/1",
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": cpu_model(),
        "load": round(os.getloadavg()[0], 1),
        "costs": costs,
        "calibration": {term: asdict(shape) for term, shape in CALIBRATION.items()},
        "calibration_seconds": measured,
        "rows": rows,
    }
    write_text(_DOCS / "cost_model.json", json.dumps(document, indent=1) + "\n")
    write_text(_DOCS / "cost_model.md", page(document))
    _say(f"wrote {_DOCS / 'cost_model.md'}")


def _row(
    shape: Shape, found: Mapping[str, _Measured], costs: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    return {
        "shape": asdict(shape),
        "executors": {
            name: {
                "predicted_s": seconds(shape, costs[name]),
                "measured_s": one.cpu,
                "predicted_bytes": memory(shape, name),
                "measured_bytes": one.peak,
            }
            for name, one in found.items()
        },
    }


def _all_measured(shapes: list[Shape]) -> dict[Shape, dict[str, _Measured]]:
    """The best of some rounds through all `shapes`: what disturbs one round does not disturb the others."""
    best: dict[Shape, dict[str, _Measured]] = {}
    for number in range(1, _ROUNDS + 1):
        for place, shape in enumerate(shapes, start=1):
            _say(f"round {number} of {_ROUNDS}, run {place} of {len(shapes)}")
            now = measure(shape)
            before = best.get(shape, now)
            best[shape] = {name: min(one, before[name], key=lambda m: m.cpu) for name, one in now.items()}
    return best


@dataclass(frozen=True)
class _Measured:
    """One executor on one shape."""

    cpu: float  # seconds, the least of some repetitions
    peak: int  # bytes of NumPy arrays during a run


def measure(shape: Shape) -> dict[str, _Measured]:
    """All executors on a network of `shape`."""
    from exporters.native.executor import NativeExecutor
    from quantize.jax import JaxExecutor

    makers: dict[str, Callable[[Program], Executor]] = {
        "native": lambda program: NativeExecutor(program.graph, 1),
        "jax": lambda program: JaxExecutor(program.graph),
        "emulator": Emulator,
    }
    program = _program(shape.widths, shape.density, shape.hidden)
    return {name: _measured(make(program), shape, _spikes(shape)) for name, make in makers.items()}


def _measured(executor: Executor, shape: Shape, spikes: NDArray[np.uint8]) -> _Measured:
    signals = None if shape.traces else (f"layer{len(shape.widths) - 2}.spikes",)

    def run() -> None:
        executor.run(spikes, signals=signals)

    run()
    first = _cpu_of(run, 1)
    repetitions = max(1, round(_LEAST_S / max(first, 1e-6)))
    cpu = min(_cpu_of(run, repetitions) for _ in range(_REPEATS))
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return _Measured(cpu, peak)


def _cpu_of(run: Callable[[], None], repetitions: int) -> float:
    started = time.process_time()
    for _ in range(repetitions):
        run()
    return (time.process_time() - started) / repetitions


@cache
def _program(widths: tuple[int, ...], density: float, hidden: float) -> Program:
    """A network whose neurons are driven so that about one of 60 spikes at a step."""
    rng = np.random.default_rng(1)
    layers: list[SpikingDescription] = []
    rate, source = density, INPUT
    for index, (inputs, count) in enumerate(pairwise(widths)):
        active = inputs * rate
        strength = rng.uniform(0, 8, count)
        weight = rng.normal(16e-3 * strength / active, 4e-3 / active**0.5, (inputs, count))
        feeds = (FeedDescription(source, weight),)
        layers.append(SpikingDescription(f"layer{index}", feeds, np.zeros(count), None, neurons(count)))
        rate, source = hidden, f"layer{index}"
    description = Description(DT, widths[0], tuple(layers), "rate", _CALIBRATION_STEPS)
    sample = bernoulli(_CALIBRATION_STEPS, 2, widths[0], density)
    return lower(description, calibrate(description, [sample]), load_profile(PROFILE))


def _spikes(shape: Shape) -> NDArray[np.uint8]:
    if not shape.constant:
        return bernoulli(shape.steps, shape.batch, shape.widths[0], shape.density)
    return np.repeat(bernoulli(1, shape.batch, shape.widths[0], shape.density), shape.steps, axis=0)


def _alone() -> None:
    """Start again on one core with one thread, which libraries look at when they are loaded."""
    if len(os.sched_getaffinity(0)) == 1 and os.environ.get("OMP_NUM_THREADS") == "1":
        return
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    flags = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}
    core = str(max(os.sched_getaffinity(0)))
    command = ["taskset", "--cpu-list", core, sys.executable, *sys.argv]
    os.execvpe(command[0], command, {**os.environ, **one_thread, **flags})


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
