"""Range choices, bias correction, and the choice between them by measurement."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from expifref.exceptions import DataError, ParameterError
from expifref.network.description import Description, SpikingDescription
from expifref.network.simulate import simulate
from hw_profiles import load_profile, with_arithmetic
from quantize.graph.layers import Connection
from quantize.lowering.calibration import Calibration, calibrate
from quantize.lowering.choice import CANDIDATES, choose, try_out
from quantize.lowering.histograms import Histogram, Magnitudes
from quantize.lowering.lower import LoweringOptions, lower
from quantize.lowering.ranges import PRESETS, RangeChoices, RangeMethod, layer_range
from quantize.lowering.real_weights import RealWeights
from quantize.lowering.weights import FeedWeights, Fit, Target, lower_weights
from quantize.numbers.formats import Format
from quantize.program.file import digest
from quantize.program.program import Program
from quantize.run.emulator import Emulator
from tests.edits import made
from tests.networks import network, replace_layer, spike_input

PROFILE = load_profile("generic-16bit")
NETWORK = network((40, 30, 4), tau_synapse=None)
INPUT = spike_input(NETWORK, steps=30, batch=16)


def seen() -> Calibration:
    return calibrate(NETWORK, [INPUT])


def program(options: LoweringOptions, description: Description = NETWORK) -> Program:
    return lower(description, calibrate(description, [INPUT]), PROFILE, options)


def drive_format(found: Program) -> Format:
    layer = found.graph.by_name["layer0"]
    fmt: Format = made(layer, layer.signals["drive"]).format
    return fmt


def real_weights(dense: Connection, multiplier: NDArray[np.int64], shift: int) -> NDArray[np.float64]:
    real: NDArray[np.float64] = (dense.weight * multiplier).astype(np.float64) * 2.0**-shift
    return real


def test_statistics_are_those_of_the_float_network() -> None:
    first, second = seen().layers
    np.testing.assert_allclose(first.feeds[0].mean, INPUT.mean(axis=(0, 1)))
    np.testing.assert_allclose(first.feeds[0].power, (INPUT.astype(float) ** 2).mean(axis=(0, 1)))
    steps = [step[0] for step in simulate(NETWORK, INPUT)]
    spikes = np.stack([step.spikes for step in steps])
    np.testing.assert_allclose(second.feeds[0].mean, spikes.mean(axis=(0, 1)))
    layer = NETWORK.layers[0]
    assert isinstance(layer, SpikingDescription)
    n = layer.neuron
    drive = (np.stack([step.current for step in steps]) + n.v_rest - n.origin) / n.span
    assert first.firing_drive == pytest.approx(drive[spikes].mean())
    assert second.firing_drive == 0


def test_batches_may_be_cut_anywhere() -> None:
    one, two = seen(), calibrate(NETWORK, [INPUT[:, :5], INPUT[:, 5:]])
    for a, b in zip(one.layers, two.layers, strict=True):
        np.testing.assert_allclose(a.feeds[0].power, b.feeds[0].power)
        np.testing.assert_array_equal(a.drive.counts, b.drive.counts)
        np.testing.assert_array_equal(a.filter.counts, b.filter.counts)
        assert a.filter.peak == b.filter.peak


def test_max_holds_everything_percentile_its_share_and_mse_what_pays() -> None:
    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 100_000), [100.0]])
    histogram, magnitudes = Histogram().added(values), Magnitudes().added(values)
    low, high = histogram.ends(1.0)
    assert low <= values.min()
    assert high >= 100
    low, high = histogram.ends(0.99)
    assert 0.985 < np.mean((values >= low) & (values <= high)) <= 0.995
    assert magnitudes.peak == 100
    assert 0.98 < np.mean(np.abs(values) <= magnitudes.quantile(0.99)) < 0.995
    # One outlier in 100,000 is clipped in a coarse word and held in a fine one.
    assert histogram.best_reach(4) == magnitudes.best_reach(4) == 4
    assert histogram.best_reach(16) == magnitudes.best_reach(16) == 128


def test_the_best_reach_has_the_least_squared_error() -> None:
    values = np.random.default_rng(1).laplace(0, 1, 50_000)
    for bits in (3, 5, 8):
        errors = {}
        for exponent in range(-3, 6):
            step = 2.0 ** (exponent + 1 - bits)
            rounded = np.rint(np.clip(values, -(2.0**exponent), 2.0**exponent) / step) * step
            errors[2.0**exponent] = float(((rounded - values) ** 2).mean())
        assert Histogram().added(values).best_reach(bits) == min(errors, key=lambda reach: errors[reach])


def test_layer_ranges_follow_the_choice_of_each_site() -> None:
    first, readout = seen().layers
    arithmetic = with_arithmetic(PROFILE, drive_bits=6, filter_bits=8).arithmetic
    assert arithmetic is not None
    wide, narrow, fitted = (
        layer_range(first, 0.9, choices, arithmetic)
        for choices in (PRESETS["max"], PRESETS["percentile"], PRESETS["mse"])
    )
    assert wide.drive_low < narrow.drive_low
    assert narrow.drive_high < wide.drive_high
    assert wide.membrane_low < narrow.membrane_low
    assert wide.drive_low <= fitted.drive_low
    choices = (RangeChoices(filter="max"), RangeChoices(filter="percentile"), RangeChoices(filter="mse"))
    peaks = [layer_range(readout, 0.9, choice, arithmetic).filter_peak for choice in choices]
    assert max(peaks) == peaks[0] == readout.filter.peak
    assert peaks[1] < peaks[0]


@pytest.mark.parametrize("name", ["generic-16bit", "ice40-up5k"])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_least_squared_error_is_never_above_that_of_the_largest_weight(name: str, bits: int) -> None:
    """For multipliers and for powers of two, channel by channel."""
    rng = np.random.default_rng(bits)
    weight = rng.normal(0, 0.3, (200, 7))
    weight[:, 6] = 0
    arithmetic = with_arithmetic(load_profile(name), weight_bits=bits).arithmetic
    assert arithmetic is not None
    power = np.full(200, 0.2)
    errors = []
    methods: tuple[RangeMethod, ...] = ("max", "mse")
    for method in methods:
        fit = Fit(method, 1.0, power, power, False)
        feed = FeedWeights("layer", RealWeights(weight), 0, 1, fit)
        (dense,), rescale = lower_weights([feed], np.zeros(7), Target(Format(True, 24, 6), arithmetic))
        found = real_weights(dense, rescale.multipliers[0], rescale.shift) * 2.0**-6
        errors.append(((found - weight) ** 2).sum(axis=0))
    assert (errors[1] <= errors[0] * (1 + 1e-3)).all()
    assert errors[1][6] == 0
    if bits == 2:
        assert errors[1].sum() < 0.7 * errors[0].sum()


def test_a_percentile_of_weights_clips_the_largest_of_a_channel() -> None:
    weight = np.full((100, 1), 0.1)
    weight[0] = 10.0
    arithmetic = PROFILE.arithmetic
    assert arithmetic is not None
    ones = np.ones(100)
    found = []
    for share in (1.0, 0.95):
        fit = Fit("percentile", share, ones, ones, False)
        feed = FeedWeights("layer", RealWeights(weight), 0, 1, fit)
        (dense,), _ = lower_weights([feed], np.zeros(1), Target(Format(True, 16, 11), arithmetic))
        found.append(dense.weight[:, 0])
    np.testing.assert_array_equal(found[0], [127] + [1] * 99)
    np.testing.assert_array_equal(found[1], [127] * 100)


@pytest.mark.parametrize("bits", [3, 8])
def test_bias_correction_takes_out_the_mean_drive_error(bits: int) -> None:
    """Measured on the calibration set, per neuron, in LSB of the drive."""
    layer = NETWORK.layers[0]
    assert isinstance(layer, SpikingDescription)
    n = layer.neuron
    drive = [(step[0].current + n.v_rest - n.origin) / n.span for step in simulate(NETWORK, INPUT)]
    real = np.mean(drive, axis=(0, 1))
    errors = []
    for corrected in (False, True):
        found = program(LoweringOptions(bits, bias_correction=corrected))
        codes = Emulator(found).run(INPUT, signals=["layer0.drive"]).signals["layer0.drive"]
        frac = drive_format(found).frac
        errors.append(np.abs(codes.mean(axis=(0, 1)) - real * 2.0**frac))
    assert errors[1].max() < 1.0
    assert errors[0].max() > 10 * errors[1].max()


def test_the_default_is_the_percentile_preset_without_correction() -> None:
    explicit = LoweringOptions(ranges=PRESETS["percentile"], bias_correction=False)
    assert digest(program(LoweringOptions())) == digest(program(explicit))
    assert RangeChoices() == PRESETS["percentile"]


def test_auto_takes_the_nearest_program_and_the_same_one_every_time() -> None:
    options = LoweringOptions(3, membrane_bits=10)
    trials = try_out(NETWORK, seen(), [INPUT], PROFILE, options)
    assert [(t.ranges, t.bias_correction) for t in trials] == [
        (ranges, corrected) for ranges in CANDIDATES for corrected in (False, True)
    ]
    chosen = choose(NETWORK, seen(), [INPUT], PROFILE, options)
    best = min(trials, key=lambda trial: trial.loss)
    assert (chosen.ranges, chosen.bias_correction) == (best.ranges, best.bias_correction)
    assert best.spike_difference < trials[0].spike_difference
    assert (chosen.weight_bits, chosen.membrane_bits) == (3, 10)
    assert choose(NETWORK, seen(), [INPUT], PROFILE, options) == chosen


def test_auto_leaves_a_stated_correction_alone() -> None:
    for stated in (False, True):
        chosen = choose(NETWORK, seen(), [INPUT], PROFILE, LoweringOptions(3), stated)
        assert chosen.bias_correction is stated


def test_narrower_words_reach_the_program() -> None:
    found = program(LoweringOptions(drive_bits=12, table_bits=12, table_segments=64))
    layer, drive = found.graph.by_name["layer0"], drive_format(found)
    assert drive.bits == 12
    assert [table.format.bits for table in layer.tables.values()] == [12, 12]
    assert layer.tables["growth"].segments <= 64
    assert layer.states["membrane"].format.frac == drive.frac


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [("drive_bits", 6, 16), ("table_bits", 6, 16), ("table_segments", 4, 256)],
)
def test_words_out_of_range_are_refused(field: str, least: int, most: int) -> None:
    for wanted in (least - 1, most + 1):
        changes: dict[str, Any] = {field: wanted}
        with pytest.raises(ParameterError) as caught:
            program(replace(LoweringOptions(), **changes))
        assert str(caught.value) == (
            f"`{field}` must be {least}..{most} for the profile `generic-16bit`, not {wanted}"
        )


def test_a_network_that_cannot_be_lowered_is_not_run() -> None:
    description = replace(network((4, 3, 2)), dt=1e297)
    with pytest.raises(ParameterError) as caught:
        calibrate(description, [])
    assert str(caught.value).startswith("`dt` must be at most 100 times `layer0.tau`")


def test_a_network_that_leaves_float64_is_refused_by_the_layer() -> None:
    description = network((4, 2))
    huge = replace_layer(description, 0, weight=np.full((4, 2), 1e308))
    with pytest.raises(ParameterError) as caught:
        list(simulate(huge, np.ones((1, 1, 4), np.uint8)))
    assert str(caught.value) == (
        "`readout` must stay finite on every input, but leaves what float64 holds (its input is not finite): "
        "check its weights and parameters"
    )


def test_what_no_encoder_gives_is_refused() -> None:
    def refusal(frames: NDArray[Any]) -> str:
        with pytest.raises(DataError) as caught:
            calibrate(NETWORK, [frames])
        return str(caught.value)

    inputs, steps = NETWORK.inputs, NETWORK.steps
    assert refusal(np.zeros((steps, 3, inputs))) == "the input must be whole numbers, not float64"
    assert refusal(np.full((steps, 3, inputs), -1)) == "the input must lie in 0..1, not in -1..-1"
    assert refusal(np.full((steps, 3, inputs), 255)) == "the input must lie in 0..1, not in 255..255"
    assert refusal(np.zeros((3, steps, inputs), np.uint8)) == (
        f"the input must have the shape [steps, batch, inputs], but has 3 steps of {steps} samples, "
        f"and the network was trained with {steps} steps: swap the first two axes"
    )
    assert refusal(np.zeros((0, 3, inputs), np.uint8)).startswith("the input must hold at least one step")
