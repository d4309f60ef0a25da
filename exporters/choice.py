"""Which executor runs an input soonest: all give the same bits, so only time decides.

The numbers below are medians on one core (AVX2, 1 MiB of second-level cache), in CPU time of a sample's step
without a trace; docs/emulation.md has them all.

- The emulator takes 0.1 us for each neuron, and 150 us for each step of a layer whatever its width.
- Native code takes 0.6 s to compile and JAX 0.5 s to import and as long for every shape of input.
- Native code takes time with the active inputs, JAX does not. 784-512-10 with weights of 8 bits: 1.2 us at
  2 % active inputs, 9.2 us at 95 %; JAX 6.8 us, which overtakes it at 67 % (smaller layers are all overhead
  in JAX). Where the weights of a layer outgrow the cache, with 3.2 MB of them, it does so at 50 % (8 bits)
  or 37 % (16 bits).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec

import numpy as np

from expifref.exceptions import ParameterError
from quantize.graph.layers import Graph
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from quantize.run.trace import Spikes, SummingExecutor

from .tools import missing_tools
from .ways import COMPILERS

__all__ = [
    "AUTO",
    "NAMES",
    "Choice",
    "Workload",
    "active_share",
    "available",
    "choose",
    "gpu",
    "make",
]

AUTO = "auto"
NAMES = (AUTO, "emulator", "native", "jax")
"""What can be asked for."""

_BATCH = 256
_SECONDS_PER_STEP = 150e-6  # of the emulator, for each layer and batch, whatever its width
_SECONDS_PER_NEURON = 0.1e-6  # of the emulator, for each step and sample
_START_SECONDS = 1.0  # which native code and JAX take to compile
_DENSE = ((1 << 20, 0.45), (1 << 18, 0.65))
"""Bytes of a layer's weights, and the share of active inputs beyond which JAX is first with that many."""


_JAX_PLUGINS = "jax_plugins"
"""Under this name packages tell JAX of devices other than the CPU."""


@dataclass(frozen=True)
class Workload:
    """What is to be run."""

    steps: int
    samples: int
    active: float  # share of the inputs, see `active_share`


@dataclass(frozen=True)
class Choice:
    """An executor and why it was taken, as the end of a sentence."""

    name: str
    reason: str


def active_share(spikes: Spikes) -> float:
    """Share of the inputs `[steps, batch, inputs]` that make work: not 0, in a frame unlike the one before.

    Native code and JAX both keep the first layer's sums where the frame stays the same.
    """
    changed = np.ones(spikes.shape[:2], np.bool_)
    changed[1:] = (spikes[1:] != spikes[:-1]).any(axis=2)
    return float(np.count_nonzero(spikes, axis=2)[changed].sum() / spikes.size)


def available() -> frozenset[str]:
    """The fast executors that can run here."""
    native = () if all(map(missing_tools, COMPILERS)) else ("native",)
    jax = () if find_spec("jax") is None else ("jax",)
    return frozenset((*native, *jax))


def gpu() -> str | None:
    """The GPU that JAX would compute on, as its maker calls it; None without one."""
    # Without a plugin of a device there is none, which is known before JAX has been imported.
    if find_spec("jax") is None or not entry_points(group=_JAX_PLUGINS):
        return None
    from quantize.jax.gpu import gpu_kind

    return gpu_kind()


def choose(graph: Graph, work: Workload, there: Collection[str], gpu_there: str | None = None) -> Choice:
    """The executor that should need the least time, of the emulator and those in `there`.

    Args:
        gpu_there: of `gpu`.
    """
    if _emulator_seconds(graph, work) < _START_SECONDS:
        return Choice("emulator", "it is done before a faster one has started")
    if not there:
        return Choice("emulator", "no faster one can run here")
    if gpu_there is not None and "jax" in there:
        return Choice("jax", f"JAX computes on the GPU, {gpu_there}")
    if "native" not in there:
        return Choice("jax", "native code cannot be built here")
    share = f"{work.active:.0%} of the inputs are active"
    largest = _largest_weights(graph)
    most = next((active for size, active in _DENSE if largest > size), 1.0)
    if "jax" in there and work.active > most:
        return Choice("jax", f"{share}, and a layer has {largest / 1e6:.1f} MB of weights")
    return Choice("native", share)


def make(name: str, program: Program, threads: int | None = None) -> SummingExecutor:
    """The executor called `name`.

    Args:
        threads: of native code; all cores by default.

    Raises:
        ParameterError: the name is not known, or the program breaks a rule of the specification.
        RangeError: a width of the program is not proven.
        MissingToolError, ToolError: see `exporters.native.executor.NativeExecutor`.
    """
    if name == "emulator":
        return Emulator(program)
    if name == "native":
        from .native.executor import NativeExecutor

        return NativeExecutor(program.graph, threads)
    if name == "jax":
        from quantize.jax import JaxExecutor

        return JaxExecutor(program.graph)
    raise ParameterError(f"the executor must be one of {', '.join(NAMES)}, not `{name}`")


def _emulator_seconds(graph: Graph, work: Workload) -> float:
    batches = -(-work.samples // _BATCH)
    neurons = sum(layer.units for layer in graph.layers)
    per_step = batches * len(graph.layers) * _SECONDS_PER_STEP
    return work.steps * (per_step + work.samples * neurons * _SECONDS_PER_NEURON)


def _largest_weights(graph: Graph) -> int:
    """Bytes of the largest weight matrix in native code."""
    connections = [one for layer in graph.layers for one in layer.connections]
    return max(
        (one.sources * one.units * (1 if one.weight_format.bits <= 8 else 2) for one in connections),
        default=0,
    )
