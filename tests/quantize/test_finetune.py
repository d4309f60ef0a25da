"""Quantization-aware training: the forward pass is the emulator, the backward pass the float gradient."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.data import Dataset, load
from expifref.encoders import compact_frames, encode, get_encoder
from expifref.exceptions import ParameterError, RangeError
from expifref.network.architecture import Architecture
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    ReadoutDescription,
    SpikingDescription,
    description_digest,
)
from expifref.network.model_files import ModelFile, read_model
from expifref.network.modules import Parameters, parameters, pure_run
from expifref.neurons.gradient import GradientRules
from expifref.training.progress import SilentReporter
from expifref.training.settings import TrainingSettings
from expifref.training.step import Batch, Carry, batch_loss, make_optimizer, make_step
from expifref.training.train import train
from hw_profiles import load_profile
from quantize.graph.layers import Dense, LayerFeed, UnitLayer
from quantize.graph.operations import Overflowed, RoundShift
from quantize.jax.described import Seen
from quantize.jax.finetune import FinetuneSession, evaluate_program, finetune, finetune_settings
from quantize.jax.masters import LayerMasters, layer_masters
from quantize.jax.network import QuantizedNetwork, quantized_network
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import LoweringOptions, lower
from quantize.numbers.arrays import Integers, frozen
from quantize.numbers.formats import Format
from quantize.program.file import load_program
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.amount import share
from tests.expifref.same import assert_same

NET = Architecture(inputs=64, classes=10, hidden=(24,), steps=10)
QUICK = TrainingSettings(epochs=2, batch_size=64, learning_rate=2e-3, drive_penalty=0.0)


@cache
def digits() -> Dataset:
    return load("digits")


@cache
def trained(encoder: str = "current", tau_synapse: float | None = None) -> ModelFile:
    net = replace(NET, encoder=encoder, tau_synapse=tau_synapse)
    result = train(digits(), net, TrainingSettings(epochs=3))
    return ModelFile(result.description, net)


def frames_of(description: Description, first: int, count: int) -> tuple[Any, Any]:
    """Compact frames for training and whole ones for the emulator."""
    samples = np.arange(first, first + count)
    images, encoder = digits().train.values[samples], get_encoder(description.encoder)
    compact = compact_frames(encoder, images, description.steps, samples=samples)
    return jnp.asarray(compact), encode(description.encoder, images, description.steps, samples=samples)


def lowered(
    model: ModelFile,
    profile: str = "generic-16bit",
    options: LoweringOptions | None = None,
) -> Program:
    d = model.description
    ranges = calibrate(d, [encode(d.encoder, digits().train.values[:64], d.steps)])
    return lower(d, ranges, load_profile(profile), options)


def steps_of(network: QuantizedNetwork) -> tuple[Carry, Any]:
    optimizer = make_optimizer(QUICK, 22)
    step = make_step(network.run, optimizer, QUICK, network.description.dt)
    return Carry(network.start, optimizer.init(network.start)), step


@pytest.mark.parametrize(
    ("weight_bits", "membrane_bits", "batches"), [(4, 16, share(22, 4)), (8, 12, 2), (2, 8, 2)]
)
def test_every_batch_of_an_epoch_is_the_emulator(weight_bits: int, membrane_bits: int, batches: int) -> None:
    model = trained()
    network = quantized_network(
        model.description, lowered(model, options=LoweringOptions(weight_bits, membrane_bits))
    )
    carry, step = steps_of(network)
    traces = jax.jit(lambda natural, frames: (network.traces(natural, frames), network.run(natural, frames)))
    seen: list[Any] = []
    size = QUICK.batch_size
    for first in range(0, batches * size, size):
        frames, spikes = frames_of(model.description, first, size)
        labels = digits().train.labels[first : first + size]
        program, _ = network.lowered(carry.natural)
        assert all(dense_of(layer).weight.dtype == np.int8 for layer in program.graph.layers)
        wanted = Emulator(program).run(spikes).signals
        with jax.enable_x64(True):
            found, run = traces(carry.natural, frames)
            carry, result = step(carry, Batch(frames, jnp.asarray(labels), None))
        assert set(found) == set(wanted)
        for name, values in wanted.items():
            np.testing.assert_array_equal(np.broadcast_to(found[name], values.shape), values, err_msg=name)
        lsb = 2.0 ** -program.graph.by_name["readout"].states["output"].format.frac
        np.testing.assert_array_equal(run.output, (wanted["readout"] * lsb).astype(np.float32))
        np.testing.assert_array_equal(run.spikes[0], wanted["layer0.spikes"])
        assert result.accuracy == (wanted["readout"].sum(axis=0).argmax(axis=-1) == labels).mean()
        assert result.rate == pytest.approx(wanted["layer0.spikes"].mean())
        assert {leaf.dtype for leaf in jax.tree.leaves(carry)} == {np.dtype("f4"), np.dtype("i4")}
        seen.append(dense_of(program.graph.layers[0]).weight)
    assert (seen[0] != seen[-1]).any()
    fmt = dense_of(program.graph.layers[0]).weight_format
    assert (seen[-1].min(), seen[-1].max()) == (fmt.lo, fmt.hi) or weight_bits == 8


@pytest.mark.parametrize(
    ("encoder", "tau_synapse", "phi"),
    [("current", None, "stop"), ("rate", 5.0, "full")],
)
def test_the_gradient_is_that_of_the_float_network(encoder: str, tau_synapse: float | None, phi: Any) -> None:
    # With a membrane of 20 bits the integer states are those of the float network but for very few spikes.
    model = trained(encoder, tau_synapse)
    rules = GradientRules(phi=phi)
    network = quantized_network(model.description, lowered(model, "spinnaker2"), rules)
    _, description = network.lowered(network.start)
    frames, _ = frames_of(description, 0, 256)
    batch = Batch(frames, jnp.asarray(digits().train.labels[:256], jnp.int32), None)
    settings = replace(QUICK, rate_penalty=0.0)

    def floats(values: Parameters) -> Any:
        return batch_loss(pure_run(description, values, frames, rules), batch, settings, description.dt)[0]

    def integers(natural: Parameters) -> Any:
        return batch_loss(network.run(natural, frames), batch, settings, description.dt)[0]

    wanted = jax.jit(jax.grad(floats))(parameters(description))
    with jax.enable_x64(True):
        found = jax.jit(jax.grad(integers))(network.start)
    for name, gradient in wanted.items():
        a, b = np.asarray(gradient).ravel(), np.asarray(found[name]).ravel()
        free = b != 0  # a clipped weight has none
        assert free.mean() > 0.75
        assert a[free] @ b[free] / np.sqrt((a[free] @ a[free]) * (b[free] @ b[free])) > 0.999, name
    assert all(np.isfinite(np.asarray(g)).all() for g in found.values())


def test_the_step_gradient_is_that_of_learned_step_sizes() -> None:
    """Esser et al. 2020, equation 3: rounded less true value inside, the end code outside."""
    fmt = Format(True, 3, 0)
    weight = np.array([[0.2, -2.6], [1.4, 3.2], [-6.0, 9.0]])
    masters = small_masters(weight, fmt)

    def total(natural: Parameters) -> Any:
        codes = masters.codes(natural)
        return (codes.weights[0] * codes.constants["multiplier"]).sum(axis=0) @ jnp.asarray([1.0, 2.0])

    with jax.enable_x64(True):
        # Away from the start, where a weight may lie exactly on the last code.
        gradient = jax.grad(total)({**masters.start, "step": jnp.full(2, 1.03, jnp.float32)})["step"]
    (feed,) = masters.feeds
    steps = feed.step * 1.03
    ratio = weight / steps
    inside = np.where((ratio < fmt.lo) | (ratio > fmt.hi), 0.0, ratio)
    wanted = (np.clip(np.rint(ratio), fmt.lo, fmt.hi) - inside).sum(axis=0) * [1.0, 2.0]
    np.testing.assert_allclose(gradient, wanted * feed.step * 2.0**feed.shift, rtol=1e-2)


def small_masters(weight: NDArray[np.float64], fmt: Format) -> LayerMasters:
    """The masters of a readout with `weight`, in codes."""
    program = lowered(trained(), options=LoweringOptions(weight_bits=fmt.bits))
    arithmetic = load_profile("generic-16bit").arithmetic
    assert arithmetic is not None
    layer = program.graph.layers[-1]
    lsb = 2.0 ** -layer.states["output"].format.frac
    width = weight.shape[1]
    part = replace(layer, units=width, feeds=(with_weight(layer.feeds[0], frozen(np.rint(weight))),))
    description = ReadoutDescription(
        "readout", (FeedDescription(INPUT, weight * lsb),), np.zeros(width), None
    )
    return layer_masters(description, part, [Seen(1, 1.0)], arithmetic)


def with_weight(feed: LayerFeed, weight: Integers) -> LayerFeed:
    return replace(feed, connection=replace(feed.connection, weight=weight))


def dense_of(layer: UnitLayer) -> Dense:
    connection = layer.feeds[0].connection
    assert isinstance(connection, Dense)
    return connection


def test_two_bits_are_bought_back(tmp_path: Path) -> None:
    model, data = trained(), digits()
    skeleton = lowered(model, options=LoweringOptions(weight_bits=2))
    path = tmp_path / "new.safetensors"
    result = finetune(data, model, skeleton, replace(QUICK, epochs=4), session=FinetuneSession(path=path))
    before = evaluate_program(skeleton, data.test)
    whole = evaluate_program(lowered(model), data.test)
    assert before.accuracy < whole.accuracy - 0.1
    assert result.before.accuracy == before.accuracy
    assert result.outcome.test.accuracy > whole.accuracy - 0.03

    stored = read_model(path)
    assert_same(stored.description, result.description)
    assert stored.metrics == result.metrics
    program = load_program(tmp_path / "new.json")
    assert program.evidence.model_sha256 == description_digest(stored.description)
    assert program.evidence.notes[-1] == (
        f"quantization-aware training from the model {description_digest(model.description)}"
    )
    spikes = encode("current", data.test.values, program.steps)
    predicted = Emulator(program).run(spikes, signals=["readout"]).signals["readout"].sum(axis=0).argmax(-1)
    np.testing.assert_array_equal(predicted, result.outcome.test.predictions)
    fired = Emulator(program).run(spikes, signals=["layer0.spikes"]).signals["layer0.spikes"].mean()
    assert result.outcome.test.firing_rate == pytest.approx(fired / program.dt_seconds)


def test_the_float_network_has_the_weights_of_the_program() -> None:
    model = trained("rate", 5.0)
    network = quantized_network(model.description, lowered(model, options=LoweringOptions(weight_bits=3)))
    program, description = network.lowered(network.start)
    hidden, layer = description.layers[0], program.graph.layers[0]
    assert isinstance(hidden, SpikingDescription)
    scaled, rescale = layer.results.get("scaled"), layer.results["rescale"]
    shift = scaled.shift if isinstance(scaled, RoundShift) else 0
    assert isinstance(rescale, Overflowed)
    codes = dense_of(layer).weight * layer.constants["multiplier"]
    to_amperes = 2.0 ** -(shift + rescale.format.frac) * hidden.neuron.span / hidden.neuron.resistance
    np.testing.assert_allclose(hidden.feeds[0].weight, codes * to_amperes, rtol=1e-12)
    np.testing.assert_allclose(hidden.bias, layer.constants["bias"] * to_amperes, rtol=1e-12)
    # What lowering would do to it anew: the same drives, but for the rounding of its own scales.
    np.testing.assert_allclose(hidden.bias, model.description.layers[0].bias, rtol=1e-4)


class Interrupt(SilentReporter):
    """Ctrl-C in the second epoch."""

    def __init__(self) -> None:
        self.batches = 0

    def batch(self) -> None:
        self.batches += 1
        if self.batches == 25:
            raise KeyboardInterrupt


def test_resume_equals_an_uninterrupted_run(tmp_path: Path) -> None:
    model = trained()
    skeleton = lowered(model, options=LoweringOptions(weight_bits=3))
    whole = finetune(
        digits(), model, skeleton, QUICK, session=FinetuneSession(path=tmp_path / "whole.safetensors")
    )
    path, beside = tmp_path / "cut.safetensors", tmp_path / "own.json"
    cut = finetune(
        digits(),
        model,
        skeleton,
        QUICK,
        session=FinetuneSession(path=path, program_path=beside, reporter=Interrupt()),
    )
    assert (cut.stopped, len(cut.outcome.history)) == ("interrupted", 1)
    assert load_program(beside).evidence.model_sha256 == description_digest(read_model(path).description)
    resumed = finetune(
        digits(), model, skeleton, QUICK, session=FinetuneSession(path=path, program_path=beside, resume=True)
    )
    assert resumed.outcome.history == whole.outcome.history
    assert path.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert beside.read_bytes() == (tmp_path / "whole.json").read_bytes()
    other = lowered(model, options=LoweringOptions(weight_bits=4))
    with pytest.raises(ParameterError, match=r"can only be resumed as it began: `program` was \"sha256:"):
        finetune(digits(), model, other, QUICK, session=FinetuneSession(path=path, resume=True))


def test_shift_only_devices_keep_powers_of_two() -> None:
    model = trained()
    skeleton = lowered(model, "ice40-up5k", LoweringOptions(weight_bits=4))
    result = finetune(digits(), model, skeleton, replace(QUICK, epochs=1))
    for layer in result.program.graph.layers:
        multiplier = layer.constants["multiplier"]
        assert (multiplier > 0).all()
        assert not (multiplier & (multiplier - 1)).any()
    assert result.outcome.test.accuracy > 0.8


def test_refusals() -> None:
    model, other = trained(), trained("rate", 5.0)
    with pytest.raises(ParameterError) as caught:
        quantized_network(other.description, lowered(model))
    assert str(caught.value) == (
        "training must start from the program of the model, but this program was lowered from another one"
    )
    with pytest.raises(RangeError) as refused:
        small_masters(np.full((3, 2), 1e9), Format(True, 3, 0))
    assert str(refused.value) == (
        "`readout` must be rescaled within 48-bit products, which leave no room for a multiplier: "
        "use fewer weight bits or a profile with wider products"
    )


def test_settings_suit_the_data_set() -> None:
    other = replace(digits(), name="fashion-mnist")
    assert finetune_settings(digits()).epochs == 10
    assert finetune_settings(other).epochs == 3
    assert finetune_settings(other).drive_penalty == 0
