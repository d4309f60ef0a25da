"""What bounds each target now, in words and in the figures of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from .figures import number
from .fpga_rows import FpgaRow, newest
from .workloads import W1, W2

__all__ = ["bounds"]

_INPUT_RATE = 0.15
"""Of W2's inputs that spike."""

_CPU = """\
- **W1.** A neuron needs two table values a step. One gather from a table of all codes (200 KB) beats two
  interpolated ones; our native code, the JAX executor and the second C loop do that and end close together.
  The rest is streaming drives and states through the caches. The C loops are written with AVX2; GCC gives
  the native code whatever the machine has. `brainpy.state` also differentiates its right-hand side at every
  step. Brian2 integrates by forward Euler, the cheaper rule. NEST integrates adaptively in float64, far more
  accurately than all others.
- **W2.** Adding the rows of active inputs in registers beats the dense product of 3200 x 784 x 512. The
  advantage shrinks with denser inputs, to nothing at about 67 % ([emulation](emulation.md)). All signals
  cost about as much again, for the memory written. ONNX Runtime spends its time in many small operators. The
  C99 row includes a process and its files. Other libraries compute their own leaky neurons, simpler than
  ours. XyloSim, Lava and nengo-loihi run one sample at a time; their times are those of 4 or 8 samples,
  scaled to 64. Lava's include messages between processes.
- **W3.** The time includes both executors and the comparison, not the training.
- **Training.** Half of our step are the two products with the hidden weights, which are the same for all.
  Our gradient is written by hand; `brainpy.state` differentiates a derivative. Its documentation shows the
  step by step form; ours runs layer by layer."""

_CORES = """\
- **Two cores.** A second core costs CPU time for the same work: shared caches, and for JAX new pages of
  memory. XLA lets a single device use both cores as well ([scale](scale.md)). Wall times of *Devices* and of
  W3 mean something only where nothing else runs (see the load); the ratio by CPU time leaves out what one
  core waits for the other.
- **JAX on a CPU** multiplies all inputs of W2 with all weights, 85 % of them for nothing. Its int8 products
  are fast where the CPU has instructions for them (`avx512_vnni` in the first line), and slower than float32
  with AVX2 alone."""

_FPGA = """\
- **FPGA.** A layer needs a clock for as many weights as it has lanes, once an image where the input is held,
  else in each step; and in each step a clock for each unit of a pipeline. The larger of the two is the floor
  of a held input, else their sum; beyond it are events that are sent, and the length of the datapath."""

_MICROCONTROLLERS = """\
- **Microcontrollers.** A spike costs one load and two additions for four weights of 8 bits, 0.75
  instructions for each event with the DSP extension, 1 without; the rest is the list of events, and the
  loads and stores of sums. A value that is more than a spike takes a product for each weight."""

_GPU = """\
- **GPU**: the rows above, or *not run* where JAX finds none."""


def bounds(results: Mapping[str, Any], devices: Mapping[str, Any]) -> list[str]:
    """Lines of the section; `devices` as `speed.device_page.recorded` gives it."""
    return [
        "## What bounds what",
        "",
        *_rates(results),
        _CPU,
        "",
        _CORES,
        "",
        _FPGA,
        "",
        *_floors(newest(devices.get("fpga_results", ()))),
        "",
        _MICROCONTROLLERS,
        "",
        _GPU,
    ]


def _rates(results: Mapping[str, Any]) -> Iterator[str]:
    """What one core does in a nanosecond."""
    updates = W1.steps * W1.hidden
    added = _INPUT_RATE * W2.inputs * W2.hidden * W2.steps * W2.batch
    for group, work, what in (("W1", updates, "updates of neurons"), ("W2", added, "weights added")):
        rounds = results.get(group, {}).get("expifref native", {"rounds": []})["rounds"]
        if rounds:
            per_ns = work / median(one["cpu"] for one in rounds) / 1e9
            yield f"{group}, native, one core: {number(per_ns)} {what} in a nanosecond."
            yield ""


def _floors(rows: Sequence[FpgaRow]) -> Iterator[str]:
    yield "| part | design | clocks | for weights | for updates |"
    yield "|---|---|---|---|---|"
    for row in rows:
        if row.floor is not None:
            figures = map(number, (row.clocks, row.floor.weights, row.floor.updates))
            yield f"| {row.profile} | {row.form} | {' | '.join(figures)} |"
