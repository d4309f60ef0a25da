"""All cases and goals: one row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CASES", "GOALS", "GROUPS", "Case", "Goal", "Group", "Limit", "Scaling"]

Clock = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Group:
    """Cases that are timed side by side, and the one that the others are divided by."""

    title: str
    reference: str
    folder: str  # workload that they read
    clock: Clock = "cpu"
    cores: int = 1


@dataclass(frozen=True)
class Case:
    """What runs: a function of a module in this package that prepares it."""

    group: str
    name: str
    call: str
    peer: str | None = None  # environment of `install.PEERS`; None: our own
    repeats: float = 1  # of the group's workload that one repetition does: times are divided by it
    devices: int = 1  # that JAX makes of the host
    accelerator: bool = False  # JAX may use a GPU


@dataclass(frozen=True)
class Goal:
    """`case` must be at least `factor` times as fast as `other`."""

    group: str
    case: str
    other: str
    factor: float


@dataclass(frozen=True)
class Scaling:
    """What `case` on all cores of its group gains over `other` on one, by CPU seconds for the same work.

    These count work that more cores add, whatever else the machine does; not what one waits for another.
    """

    group: str
    case: str
    other: str
    factor: float


@dataclass(frozen=True)
class Limit:
    """A figure of `case` must be below `most`."""

    group: str
    case: str
    figure: Literal["cpu", "wall", "peak_mb"]
    most: float
    unit: str


GROUPS = {
    "W1": Group("W1: 10,000 neurons, 1000 steps, a streamed current", "C, AVX2, interpolating", "w1"),
    "W2": Group("W2: 784-512-10, batch 64, 50 steps, 15 % input spikes", "C, AVX2, event-driven", "w2"),
    "Training": Group("Training step: 784-512-10, batch 64, 50 steps, Adam", "brainpy.state", "w2"),
    "Devices": Group(
        "W2 at batch 1024 on one core and on two", "JAX, 1 device, 1 core", "w2", clock="wall", cores=2
    ),
    "GPU": Group("W2 and training on a GPU", "brainpy.state on the GPU", "w2", clock="wall"),
    "W3": Group(
        "W3: all Fashion-MNIST test images, native code against JAX, every signal",
        "verify",
        "w3",
        clock="wall",
        cores=2,
    ),
    "Start-up": Group("Start-up of the command line", "python -c pass", "w1"),
}

CASES = (
    Case("W1", "C, AVX2, interpolating", "limits.w1_interpolating"),
    Case("W1", "C, AVX2, one table", "limits.w1_one_table"),
    Case("W1", "C, float32, fast-math", "limits.w1_float"),
    Case("W1", "expifref native", "ours.w1_native"),
    Case("W1", "expifref JAX", "ours.w1_jax"),
    Case("W1", "expifref NumPy emulator", "ours.w1_emulator"),
    Case("W1", "brainpy.state", "float_models.w1"),
    Case("W1", "Brian2, Cython", "peers.brian2_.w1", "brian2"),
    Case("W1", "NEST, aeif_psc_exp", "peers.nest_.w1", "nest"),
    Case("W2", "C, AVX2, event-driven", "limits.w2_events"),
    Case("W2", "expifref native", "ours.w2_native"),
    Case("W2", "expifref native, all signals", "ours.w2_native_trace"),
    Case("W2", "expifref JAX", "ours.w2_jax"),
    Case("W2", "expifref JAX, all signals", "ours.w2_jax_trace"),
    Case("W2", "expifref NumPy emulator", "ours.w2_emulator"),
    Case("W2", "expifref C99, process and files", "ours.w2_c_host"),
    Case("W2", "ONNX Runtime, sequence model", "ours.w2_onnx_sequence"),
    Case("W2", "ONNX Runtime, step model", "ours.w2_onnx_step"),
    Case("W2", "brainpy.state", "float_models.w2"),
    Case("W2", "snnTorch, Leaky", "peers.torch_.w2_snntorch", "torch"),
    Case("W2", "sinabs, LIF", "peers.torch_.w2_sinabs", "torch"),
    Case("W2", "XyloSim", "peers.xylosim_.w2", "xylosim", repeats=4 / 64),
    Case("W2", "Lava, fixed point", "peers.lava_.w2", "lava", repeats=8 / 64),
    Case("W2", "nengo-loihi, emulator", "peers.nengo_loihi_.w2", "nengo_loihi", repeats=4 / 64),
    Case("Training", "expifref", "float_models.training_ours"),
    Case("Training", "brainpy.state", "float_models.training_brainpy"),
    Case("Training", "brainpy.state, layer by layer", "float_models.training_brainpy_layers"),
    Case("Devices", "JAX, 1 device, 1 core", "on_cores.jax_1_core"),
    Case("Devices", "JAX, 1 device, 2 cores", "on_cores.jax_1"),
    Case("Devices", "JAX, 2 devices", "on_cores.jax_2", devices=2),
    Case("Devices", "native, 1 thread, 1 core", "on_cores.native_1_core"),
    Case("Devices", "native, 2 threads", "on_cores.native_2"),
    Case("GPU", "brainpy.state on the GPU", "float_models.w2_gpu", accelerator=True),
    Case("GPU", "expifref JAX on the GPU", "ours.w2_jax_gpu", accelerator=True),
    Case("GPU", "expifref training step on the GPU", "float_models.training_ours_gpu", accelerator=True),
    Case(
        "GPU", "brainpy.state training step on the GPU", "float_models.training_brainpy_gpu", accelerator=True
    ),
    Case("W3", "verify", "ours.w3_verify"),
    Case("Start-up", "python -c pass", "ours.start_python"),
    Case("Start-up", "expifref --help", "ours.start_help"),
    Case("Start-up", "expifref profiles list", "ours.start_profiles"),
    Case("Start-up", "expifref quantize, 64-128-10", "ours.start_quantize"),
    Case("Start-up", "expifref export, its deployment file", "ours.start_export"),
)

GOALS: tuple[Goal | Scaling | Limit, ...] = (
    Goal("W1", "expifref native", "brainpy.state", 1.5),
    Goal("W1", "expifref native", "C, AVX2, interpolating", 0.5),
    Goal("W1", "expifref native", "C, AVX2, one table", 0.5),
    Goal("W2", "expifref native", "brainpy.state", 2),
    Goal("W2", "expifref native", "C, AVX2, event-driven", 0.7),
    Goal("W2", "expifref native", "ONNX Runtime, sequence model", 3),
    Goal("W2", "expifref native", "ONNX Runtime, step model", 3),
    Goal("W2", "expifref native", "XyloSim", 100),
    Goal("W2", "expifref native", "Lava, fixed point", 300),
    Goal("W2", "expifref native", "nengo-loihi, emulator", 300),
    Goal("Training", "expifref", "brainpy.state", 1),
    Goal("Training", "expifref", "brainpy.state, layer by layer", 1),
    Goal("GPU", "expifref training step on the GPU", "brainpy.state training step on the GPU", 1),
    Goal("Devices", "JAX, 2 devices", "JAX, 1 device, 1 core", 1.8),
    Scaling("Devices", "JAX, 2 devices", "JAX, 1 device, 1 core", 1.8),
    Goal("Devices", "native, 2 threads", "native, 1 thread, 1 core", 1.8),
    Scaling("Devices", "native, 2 threads", "native, 1 thread, 1 core", 1.8),
    Limit("W3", "verify", "wall", 10, "s"),
    Limit("W3", "verify", "peak_mb", 1000, "MB"),
    Limit("Start-up", "expifref --help", "cpu", 0.3, "s"),
    Limit("Start-up", "expifref profiles list", "cpu", 0.5, "s"),
)
