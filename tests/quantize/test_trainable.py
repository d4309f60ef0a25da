"""Training through the integers for any wiring: forward the emulator, and a loop of the user's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import saiunit as u

from expifref.connections.windows import Window
from expifref.data import Dataset, Samples
from expifref.network.description import Description, FeedDescription
from expifref.network.model_files import ModelFile
from expifref.training.settings import TrainingSettings
from hw_profiles import load_profile
from quantize import LoweringOptions, trainable
from quantize.graph.layers import Convolution, LayerFeed, UnitLayer
from quantize.graph.operations import ShiftLeft
from quantize.jax.feed_gradients import back_to_source, back_to_weight
from quantize.jax.finetune import finetune
from quantize.jax.network import QuantizedNetwork
from quantize.jax.plan import FeedPlan
from quantize.jax.products import Form, Product
from quantize.jax.rescales import Asked, Rescaled, product_room, rescaled
from quantize.jax.standard import with_scale_shift
from quantize.numbers.arrays import frozen
from quantize.numbers.formats import Format, Rounding
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.networks import lowered, network, replace_layer, spike_input
from tests.quantize.test_convolutions import CONV, convolutional
from tests.quantize.test_wiring import wired

FOUR_BITS = LoweringOptions(weight_bits=4)
BATCH = 8

ONCE: dict[str, Any] = {"xla_backend_optimization_level": 0}
"""For what runs a few times only: most of its time is the compiler's."""


def trained(model: QuantizedNetwork, frames: Any, updates: int) -> tuple[Any, list[float]]:
    """Values after `updates` that tell the samples of a batch into three classes, and the losses."""
    labels, optimizer = jnp.arange(BATCH) % 3, optax.adam(0.03)

    def loss_of(values: Any) -> Any:
        logits = model.run(values, frames).output.mean(axis=0)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    step = jax.jit(jax.value_and_grad(loss_of), compiler_options=ONCE)
    values, state, losses = model.start, optimizer.init(model.start), []
    for _ in range(updates):
        loss, gradient = step(values)
        assert all(np.isfinite(one).all() and np.any(one) for one in gradient.values())
        updated, state = optimizer.update(gradient, state)
        values = optax.apply_updates(values, updated)
        losses.append(float(loss))
    return values, losses


def test_it_learns_and_stays_the_emulator() -> None:
    description = wired()
    model = trainable(description, lowered(description, options=FOUR_BITS))
    spikes = spike_input(description, steps=15, batch=BATCH, seed=1)
    values, losses = trained(model, jnp.asarray(spikes), 20)
    assert losses[-1] < losses[0] / 1.5
    program, twin = model.lowered(values)
    assert_is_the_emulator(model, values, program, spikes)
    for layer, before in zip(twin.layers, description.layers, strict=True):
        for feed, old in zip(layer.feeds, before.feeds, strict=True):
            assert np.any(feed.weight != old.weight)
            assert (feed.source, feed.delay.tolist()) == (old.source, old.delay.tolist())
    for name, one in zip(program.graph.by_name.values(), twin.layers, strict=True):
        assert_same_weights(name, model, one)


def recurrent_convolution() -> Description:
    """A convolution that feeds itself too, then kernels of single channels, then a matrix."""
    description = convolutional()
    conv, pool, _ = description.layers
    rng = np.random.default_rng(3)
    own = Window(*CONV.plane, 4, (3, 3), 4, padding=((1, 1), (1, 1)))
    back = FeedDescription("conv", rng.normal(0, 4e-3, (own.rows, own.outputs)), np.array([2]), own)
    description = replace_layer(description, 0, feeds=(*conv.feeds, back))
    return replace_layer(description, 1, weight=rng.normal(25e-3, 8e-3, pool.feeds[0].weight.shape))


def test_kernels_learn_and_stay_the_emulator() -> None:
    description = recurrent_convolution()
    model = trainable(description, lowered(description, options=FOUR_BITS))
    assert {name: value.shape for name, value in model.start.items() if name.startswith("conv.")} == {
        "conv.weight": (18, 4),
        "conv.weight1": (36, 4),
        "conv.step": (4,),
        "conv.step1": (4,),
        "conv.bias": (4,),
    }
    spikes = spike_input(description, steps=15, batch=BATCH, seed=1)
    values, losses = trained(model, jnp.asarray(spikes), 12)
    assert losses[-1] < losses[0] / 1.5
    program, twin = model.lowered(values)
    assert_is_the_emulator(model, values, program, spikes)
    for layer, one, before in zip(program.graph.layers, twin.layers, description.layers, strict=True):
        (own,) = (master for master in model.masters if master.layer.name == layer.name)
        for index, (feed, old) in enumerate(zip(one.feeds, before.feeds, strict=True)):
            assert feed.window == old.window
            assert np.any(feed.weight != old.weight)
            columns = layer.constants[f"multiplier{index or ''}"][: feed.weight.shape[1]]
            codes = layer.feeds[index].connection.weight * columns * 2.0 ** -own.feeds[index].shift
            np.testing.assert_allclose(feed.weight * own.feeds[index].per_weight, codes, rtol=1e-9)


@pytest.mark.parametrize("groups", [2, 4])
def test_kernels_hand_back_what_their_matrix_does(groups: int) -> None:
    window = Window(5, 4, 4, (3, 2), 4, (2, 1), ((1, 0), (1, 1)), groups)
    rng = np.random.default_rng(groups)
    kernel, seen, gradient = (
        rng.integers(-8, 9, shape).astype(np.float32)
        for shape in ((window.rows, 4), (3, 2, window.sources), (3, 2, window.units))
    )
    part = Convolution(kernel.astype(np.int8), Format(True, 5, 0), Format(True, 32, 0), window)
    one = FeedPlan(LayerFeed("input", part, frozen([0])), Product(Form.WORD), np.int32, False, window)
    wanted = gradient @ window.expand(kernel).T
    np.testing.assert_array_equal(back_to_source(one, jnp.asarray(kernel))(jnp.asarray(gradient)), wanted)
    matrix = seen.reshape(6, -1).T @ gradient.reshape(6, -1)
    number = window.expand(1 + np.arange(kernel.size).reshape(kernel.shape))
    of_kernel = np.bincount(number.ravel(), matrix.ravel(), kernel.size + 1)[1:].reshape(kernel.shape)
    found = back_to_weight(one, jnp.asarray(seen), jnp.asarray(gradient))
    np.testing.assert_array_equal(found, of_kernel)


def assert_is_the_emulator(model: QuantizedNetwork, values: Any, program: Program, spikes: Any) -> None:
    """Every signal of every step."""
    wanted = Emulator(program).run(spikes).signals
    found = jax.jit(model.traces, compiler_options=ONCE)(values, spikes)
    assert found.keys() == wanted.keys()
    for name, signal in wanted.items():
        np.testing.assert_array_equal(np.broadcast_to(found[name], signal.shape), signal, err_msg=name)


def assert_same_weights(layer: UnitLayer, model: QuantizedNetwork, twin: Any) -> None:
    """The float weights, in codes of what accumulators are scaled to, are those of the program's integers."""
    (own,) = (one for one in model.masters if one.layer.name == layer.name)
    for index, (feed, master) in enumerate(zip(twin.feeds, own.feeds, strict=True)):
        lift = layer.results.get(f"lifted{index or ''}")
        shift = own.shift - (lift.shift if isinstance(lift, ShiftLeft) else 0)
        multiplier = layer.constants[f"multiplier{index or ''}"]
        codes = layer.feeds[index].connection.weight * multiplier * 2.0**-shift
        np.testing.assert_allclose(feed.weight * master.per_weight, codes, rtol=1e-9, atol=1e-12)


def test_it_does_not_depend_on_the_words_of_the_caller() -> None:
    """JAX cuts 64-bit integers in silence where nobody asked for them."""
    description = network((6, 4), readout=False, lags=[1])
    program = lowered(description)
    model, frames = trainable(description, program), jnp.asarray(spike_input(description, steps=10, batch=4))

    def total(values: Any) -> Any:
        return (model.run(values, frames).output ** 2).sum()

    def step() -> Any:
        return jax.jit(jax.value_and_grad(total), compiler_options=ONCE)(model.start)

    plain = step()
    with jax.enable_x64(True):
        wide = step()
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(wide), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * float(np.abs(other).max()))


def test_the_scale_is_written_as_lowering_writes_it() -> None:
    layers = [*lowered(wired()).graph.layers, *lowered(network(lags=[1]), options=FOUR_BITS).graph.layers]
    seen: set[bool] = set()
    for layer in layers:
        shift = getattr(layer.results.get("scaled"), "shift", 0)
        rounding = getattr(layer.results.get("scaled"), "rounding", Rounding.TRN)
        names = [f"lifted{index or ''}" for index in range(len(layer.feeds))]
        lifts = [getattr(layer.results.get(name), "shift", 0) for name in names]
        seen.update(lift > 0 for lift in lifts)
        other = with_scale_shift(layer, 0, [3 if lift == 0 else 0 for lift in lifts], rounding)
        assert other.body != layer.body
        assert with_scale_shift(other, shift, lifts, rounding).body == layer.body
    assert seen == {False, True}


def test_feeds_share_the_word_of_the_products() -> None:
    arithmetic = load_profile("generic-16bit").arithmetic
    assert arithmetic is not None
    steps = [np.array([40.0, 3.0]), np.array([1e-4, 2e-3]), np.array([0.5, 0.25])]
    asked = [Asked(step, worst) for step, worst in zip(steps, [900, 1 << 22, 1], strict=True)]
    found = rescaled(asked, 1e5, arithmetic)
    assert isinstance(found, Rescaled)
    reach = sum(
        one.worst * ((1 << bits) - 1) << lift
        for one, bits, lift in zip(asked, found.bits, found.lifts, strict=True)
    )
    assert reach < 1 << product_room(arithmetic)
    for step, own, bits in zip(steps, found.shifts, found.bits, strict=True):
        assert 2 * step.max() * 2.0**own < 1 << bits  # room to grow
    assert rescaled([Asked(np.array([1e12]), 1)], 0.0, arithmetic) is None
    assert rescaled([*asked, Asked(np.array([1e12]), 1)], 0.0, arithmetic) is None


def test_a_recurrent_network_is_finetuned_where_multipliers_are_shifts() -> None:
    description = network(lags=[2])
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    images = (0.5 * rng.random((600, 12)) + 0.5 * (np.arange(12) % 3 == labels[:, None])).astype(np.float32)
    data = Dataset("three", Samples(images[:500], labels[:500]), Samples(images[500:], labels[500:]), 3)
    skeleton = lowered(description, "ice40-up5k", FOUR_BITS)
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=0.05, drive_penalty=0.0)
    result = finetune(data, ModelFile(description), skeleton, settings)
    assert result.outcome.test.accuracy > result.before.accuracy + 0.3
    hidden = result.program.graph.layers[0]
    for name in ("multiplier", "multiplier1"):
        values = hidden.constants[name]
        assert (values > 0).all()
        assert not (values & (values - 1)).any()


def test_the_example_of_the_documentation_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "training.md"
    *_, code = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    names: Any = {}
    exec(compile(code, "docs/training.md", "exec"), names)
    assert names["losses"][-1] < names["losses"][0] / 4
    lsb = 2.0 ** -names["program"].graph.by_name["readout"].states["output"].format.frac
    output = names["network"].run(names["values"], names["frames"]).output
    np.testing.assert_array_equal(output, (names["output"] * lsb).astype(np.float32))
    assert_is_the_emulator(names["network"], names["values"], names["program"], names["frames"])
    written = names["describe"](names["net"], 1.0 * u.ms, steps=30)
    for layer, other in zip(written.layers, names["description"].layers, strict=True):
        for name, values in other.trained.items():
            np.testing.assert_allclose(layer.trained[name], values, rtol=1e-6, atol=1e-12)
