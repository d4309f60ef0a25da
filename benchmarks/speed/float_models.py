"""The float model as its own library runs it, `brainpy.state.ExpIFRef` under brainstate, and training steps.

Both resets, the units and the loops are those of the library's documentation; nothing is held against it that
a user would not do. Hard reset, because the soft one runs away (docs/networks.md).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import braintools
import jax
import jax.numpy as jnp
import numpy as np
import optax
import saiunit as u

from expifref.network.architecture import initial_description, initial_scales
from expifref.network.model_files import read_description
from expifref.network.modules import parameters, pure_run
from expifref.training.settings import TrainingSettings
from expifref.training.step import Batch, Carry, make_step, to_natural, to_physical

from .measure import NotRunError, Prepared, required_version
from .workloads import DT, TRAINING

_MS = DT * 1e3 * u.ms
_LEARNING_RATE = 1e-3

_Learning = Callable[[Carry, Any, Any], tuple[Carry, Any]]
"""A step on frames and labels."""
_wait: Callable[[Any], Any] = jax.block_until_ready


def w1(folder: Path) -> Prepared:
    """The neurons alone, on currents."""
    current = jnp.asarray(np.load(folder / "current.npy"))
    neurons = _neurons(current.shape[1])
    neurons.init_state()
    times = _MS * jnp.arange(len(current))

    def simulate(current: Any) -> Any:
        neurons.init_state()

        def step(t: Any, now: Any) -> Any:
            with brainstate.environ.context(t=t):
                return neurons.update(now * u.mA).sum()

        return brainstate.transform.for_loop(step, times, current).sum()

    compiled = brainstate.transform.jit(simulate)
    last: list[Any] = []

    def run() -> None:
        with brainstate.environ.context(dt=_MS):
            last[:] = [_wait(compiled(current))]

    return Prepared(run, lambda: {"spikes_float": int(last[0])}, _versions())


def w2(folder: Path) -> Prepared:
    """The network, its layers step by step."""
    description = read_description(folder / "model.safetensors")
    spikes = jnp.asarray(np.load(folder / "spikes.npy"))
    weights = [jnp.asarray(layer.feeds[0].weight * 1e3, jnp.float32) for layer in description.layers]
    layers = [
        (brainstate.nn.Linear(*w.shape, w_init=w * u.mA, b_init=None), _neurons(w.shape[1])) for w in weights
    ]
    times = _MS * jnp.arange(len(spikes))

    def simulate(spikes: Any) -> Any:
        for _, neurons in layers:
            neurons.init_state(spikes.shape[1])

        def step(t: Any, now: Any) -> Any:
            signal = now.astype(jnp.float32)
            with brainstate.environ.context(t=t):
                for linear, neurons in layers:
                    signal = neurons.update(linear(signal))
            return signal

        return brainstate.transform.for_loop(step, times, spikes).sum(axis=0)

    compiled = brainstate.transform.jit(simulate)
    last: list[Any] = []

    def run() -> None:
        with brainstate.environ.context(dt=_MS):
            last[:] = [_wait(compiled(spikes))]

    return Prepared(run, lambda: {"output_float": int(last[0].sum())}, _versions())


def w2_gpu(folder: Path) -> Prepared:
    """The same on a GPU."""
    _need_gpu()
    return w2(folder)


# Training: forward pass, backward pass through time and Adam on the same batch ----------------------------


def training_ours(folder: Path) -> Prepared:
    """`expifref.training.step.make_step` with its default gradient."""
    description = initial_description(TRAINING)
    settings = TrainingSettings(drive_penalty=0.0)
    scales = initial_scales(TRAINING)
    optimizer = optax.adam(_LEARNING_RATE)

    def network(natural: Any, frames: Any) -> Any:
        return pure_run(description, to_physical(natural, scales), frames)

    step = make_step(network, optimizer, settings, description.dt)
    natural = to_natural(parameters(description), scales)

    def on_batch(carry: Carry, frames: Any, labels: Any) -> tuple[Carry, Any]:
        return step(carry, Batch(frames, labels, None))

    return _training(folder, on_batch, Carry(natural, optimizer.init(natural)))


def training_brainpy(folder: Path) -> Prepared:
    """The same network with `brainpy.state.ExpIFRef`, all layers in one loop over the steps."""
    return _brainpy_training(folder, layer_by_layer=False)


def training_brainpy_layers(folder: Path) -> Prepared:
    """The same, each layer over all steps before the next: one product a layer, as ours does."""
    return _brainpy_training(folder, layer_by_layer=True)


def training_ours_gpu(folder: Path) -> Prepared:
    """`training_ours` on a GPU."""
    _need_gpu()
    return training_ours(folder)


def training_brainpy_gpu(folder: Path) -> Prepared:
    """`training_brainpy` on a GPU."""
    _need_gpu()
    return training_brainpy(folder)


def _brainpy_training(folder: Path, layer_by_layer: bool) -> Prepared:
    description = initial_description(TRAINING)
    hidden, readout = (jnp.asarray(layer.feeds[0].weight, jnp.float32) for layer in description.layers)
    optimizer = optax.adam(_LEARNING_RATE)
    values = {
        "hidden": hidden * 1e3,
        "hidden_bias": jnp.asarray(description.layers[0].bias * 1e3, jnp.float32),
        "readout": readout,
        "readout_bias": jnp.asarray(description.layers[1].bias, jnp.float32),
    }

    def loss_of(values: Any, frames: Any, labels: Any) -> Any:
        neurons = _neurons(hidden.shape[1])
        neurons.init_state(frames.shape[1])
        times = _MS * jnp.arange(len(frames))

        def neuron(t: Any, current: Any) -> Any:
            with brainstate.environ.context(t=t):
                return neurons.update(current * u.mA)

        def all_layers(t: Any, frame: Any) -> Any:
            spikes = neuron(t, frame @ values["hidden"] + values["hidden_bias"])
            return spikes @ values["readout"] + values["readout_bias"]

        signal = frames.astype(jnp.float32)
        with brainstate.environ.context(dt=_MS):
            if layer_by_layer:
                current = signal @ values["hidden"] + values["hidden_bias"]
                spikes = brainstate.transform.for_loop(neuron, times, current)
                output = spikes @ values["readout"] + values["readout_bias"]
            else:
                output = brainstate.transform.for_loop(all_layers, times, signal)
        return optax.softmax_cross_entropy_with_integer_labels(output.mean(axis=0), labels).mean()

    @jax.jit
    def step(carry: Carry, frames: Any, labels: Any) -> tuple[Carry, Any]:
        loss, gradients = jax.value_and_grad(loss_of)(carry.natural, frames, labels)
        updates, state = optimizer.update(gradients, carry.optimizer, carry.natural)
        return Carry(optax.apply_updates(carry.natural, updates), state), loss

    return _training(folder, step, Carry(values, optimizer.init(values)))


def _training(folder: Path, step: _Learning, carry: Carry) -> Prepared:
    frames = jnp.asarray(np.load(folder / "spikes.npy"))
    labels = jnp.arange(frames.shape[1]) % TRAINING.classes

    # Every repetition starts from the same weights: spikes, and so times, would drift apart otherwise.
    def run() -> None:
        _wait(step(carry, frames, labels))

    return Prepared(run, versions=_versions())


def _neurons(count: int) -> Any:
    import brainpy.state

    return brainpy.state.ExpIFRef(
        count,
        V_th=-40.0 * u.mV,
        spk_reset="hard",
        V_initializer=braintools.init.Constant(-65.0 * u.mV),
    )


def _need_gpu() -> None:
    if jax.default_backend() == "cpu":
        raise NotRunError("JAX finds no GPU")


def _versions() -> dict[str, str]:
    return required_version("brainpy", "brainstate", "jax")
