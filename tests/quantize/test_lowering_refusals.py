"""What cannot be lowered, each with its whole sentence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from expifref.exceptions import CapacityError, ExpifrefError, ParameterError, RangeError
from expifref.network.description import Description
from hw_profiles import Profile, load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import LoweringOptions, lower
from tests.networks import lowered, network, neurons, own_profile, replace_layer, spike_input


def refusal(
    kind: type[ExpifrefError],
    description: Description,
    profile: str | Profile = "generic-16bit",
    options: LoweringOptions | None = None,
) -> str:
    with pytest.raises(kind) as caught, np.errstate(all="ignore"):
        lowered(description, profile, options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("xylo-audio3", "no exponential and no refractory period"),
        ("speck2e", "no exponential and no refractory period"),
        ("loihi1", "no exponential and no table to replace it"),
    ],
)
def test_a_device_without_an_exponential_refuses(name: str, reason: str) -> None:
    assert refusal(CapacityError, network(), name) == (
        f"{name} has {reason}, so ExpIFRef neurons cannot run on it; choose a profile with arithmetic "
        "such as `generic-16bit`, or train leaky integrate-and-fire neurons for this chip with its own tools"
    )


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("brainscales2", "analog neurons and no integer arithmetic"),
        ("dynap-se", "analog neurons and no integer arithmetic"),
        ("loihi2", "no public description of its microcode's widths, rounding and memory"),
    ],
)
def test_a_device_whose_arithmetic_is_unknown_refuses(name: str, reason: str) -> None:
    message = refusal(CapacityError, network(), name)
    assert message.startswith(f"{name} has {reason}, so no program can be ")
    assert "choose a profile with arithmetic such as `generic-16bit`, or " in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 1}, "`weight_bits` must be 2..8 for the profile `generic-16bit`, not 1"),
        ({"weight_bits": 9}, "`weight_bits` must be 2..8 for the profile `generic-16bit`, not 9"),
        ({"membrane_bits": 5}, "`membrane_bits` must be 6..16 for the profile `generic-16bit`, not 5"),
        ({"membrane_bits": 17}, "`membrane_bits` must be 6..16 for the profile `generic-16bit`, not 17"),
    ],
)
def test_bits_that_the_profile_does_not_have_are_refused(options: dict[str, Any], message: str) -> None:
    assert refusal(ParameterError, network(), options=LoweringOptions(**options)) == message


def lower_only(description: Description) -> str:
    """The refusal of a network that could not even be simulated, with another one's calibration."""
    calibration = calibrate(network(), [spike_input(network())])
    with pytest.raises(ExpifrefError) as caught:
        lower(description, calibration, load_profile("generic-16bit"))
    return str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    weight = network().layers[0].feeds[0].weight.copy()
    weight[2, 3] = weight[5, 1] = value
    assert lower_only(replace_layer(network(), 0, weight=weight)) == (
        "`layer0.weight` must be finite, but 2 of 120 values are NaN or infinite"
    )
    assert lower_only(replace_layer(network(), 1, bias=np.array([0.0, value, 0.0]))) == (
        "`readout.bias` must be finite, but 1 of 3 values are NaN or infinite"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tau": 0.0}, "`layer0.tau` must be above 0 ms, not 0 ms"),
        ({"tau": -5e-3}, "`layer0.tau` must be above 0 ms, not -5 ms"),
        ({"tau": np.nan}, "`layer0.tau` must be finite, not nan ms"),
        ({"tau_ref": -1.7e-3}, "`layer0.tau_ref` must be at least 0 ms, not -1.7 ms"),
        ({"delta_t": 0.0}, "`layer0.delta_T` must be above 0 mV, not 0 mV"),
        ({"delta_t": -3.48e-3}, "`layer0.delta_T` must be above 0 mV, not -3.48 mV"),
        ({"resistance": 0.0}, "`layer0.R` must be above 0 ohm, not 0 ohm"),
        ({"v_th": np.inf}, "`layer0.V_th` must be finite, not inf mV"),
        ({"v_initial": np.nan}, "`layer0.V_initial` must be finite, not nan mV"),
        ({"v_reset": -30e-3}, "`layer0.V_reset` must be below V_th, not -30 mV"),
    ],
)
def test_parameters_that_no_neuron_can_have_are_refused(changes: dict[str, Any], message: str) -> None:
    assert lower_only(replace_layer(network(), 0, neuron=neurons(10, **changes))) == message


def test_a_network_of_another_shape_is_refused() -> None:
    description = network()
    assert lower_only(replace(description, layers=())) == (
        "a network must have at least one layer, and this one has none"
    )
    assert lower_only(replace(description, inputs=13)) == (
        "`layer0.weight` must have 13 inputs, not the shape [12, 10]"
    )
    assert lower_only(replace_layer(description, 0, bias=np.zeros(9))) == (
        "`layer0.bias` must have 10 values, not the shape [9]"
    )
    assert lower_only(replace_layer(description, 0, neuron=neurons(9))) == (
        "`layer0.neuron.resistance` must have 10 values, not the shape [9]"
    )
    assert lower_only(replace(description, layers=description.layers[::-1])) == (
        "`readout.delay` must be at least 1 step where a layer is fed by itself or by a later one, such as "
        "`readout` by `layer0`"
    )


@pytest.mark.parametrize("dt", [0.0, -1e-3, np.nan, np.inf])
def test_a_dt_that_is_no_time_is_refused(dt: float) -> None:
    assert lower_only(replace(network(), dt=dt)) == f"`dt` must be finite and above 0 ms, not {dt * 1e3:g} ms"


def test_a_dt_too_large_for_the_tables_is_refused() -> None:
    assert refusal(RangeError, network(tau=0.8e-3), "generic-8bit") == (
        "dt must be small enough for 8-bit tables to hold both the resting gain 0.713 and the firing gain "
        "8.76, but dt / tau is 1.25: train with a smaller dt or choose a profile with wider tables"
    )


def test_a_time_constant_too_long_for_the_decay_is_refused() -> None:
    description = network(tau_readout=130e-3)
    assert refusal(RangeError, description, "generic-8bit") == (
        "`readout.tau` must be at most 127.5 ms for 8-bit decays at this dt, not 130 ms"
    )
    lowered(network(tau_readout=127e-3), "generic-8bit")


def test_too_many_time_constants_are_refused() -> None:
    tau = np.linspace(8e-3, 12e-3, 10)
    assert refusal(CapacityError, network(tau=tau), "generic-8bit") == (
        "`layer0` has 10 distinct tau, but the profile has room for 4 gain tables per layer: "
        "share tau among neurons"
    )


def test_too_long_a_refractory_period_is_refused() -> None:
    lowered(network(tau_ref=256e-3), "generic-8bit")
    assert refusal(CapacityError, network(tau_ref=257e-3), "generic-8bit") == (
        "`layer0.tau_ref` must be at most 255 steps of dt on this profile, not 256: "
        "use a larger dt or a shorter tau_ref"
    )


def test_a_current_needs_eight_bit_inputs(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, input_bits=6)
    assert refusal(CapacityError, network(encoder="current"), profile) == (
        "the encoder `current` needs 8-bit inputs, but the profile has 6: "
        "train with the rate or latency encoder"
    )


def test_a_device_that_is_too_small_is_refused_with_the_numbers(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, cores=1, neurons_per_core=12)
    message = refusal(CapacityError, network(), profile)
    assert message.startswith(
        "`own-device` has room for 12 neurons and unknown memory on 1 core, but the network has"
    )
    assert message.endswith(
        "it ran out at `readout`: use fewer weight bits, fewer neurons or a larger device"
    )


def test_a_membrane_that_no_bits_resolve_is_refused() -> None:
    message = refusal(RangeError, network(v_reset=-700e-3, v_initial=-700e-3), "generic-8bit")
    assert message.startswith("`layer0` needs a membrane from V_T -184 to ")
    assert message.endswith("delta_T, which 8 bits cannot resolve: use more membrane bits or smaller weights")


def test_a_narrow_accumulator_is_refused(tmp_path: Path) -> None:
    profile = own_profile(tmp_path, accumulator_bits=9)
    message = refusal(RangeError, network(), profile)
    assert message.startswith("`layer0` must accumulate ")
    assert message.endswith(
        " in 9 bits: use fewer weight bits, a smaller fan-in, or a profile with a wider accumulator"
    )


def test_calibration_needs_samples_and_a_share() -> None:
    with pytest.raises(ParameterError) as caught:
        calibrate(network(), [])
    assert str(caught.value) == "calibration needs at least one sample, and got none"
    with pytest.raises(ParameterError) as caught:
        calibrate(network(), [], coverage=0)
    assert str(caught.value) == "`coverage` must be above 0 and at most 1, not 0"
