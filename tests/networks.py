"""Small float networks and their programs for tests."""

from __future__ import annotations

import numpy as np

from expifref.description import Description, NeuronParameters, ReadoutDescription, SpikingDescription
from hw_profiles import load_profile
from quantize.calibration import calibrate
from quantize.lowering import LoweringOptions, lower
from quantize.program import Program

__all__ = ["neurons", "random_spikes", "small_network", "small_program"]


def neurons(count: int, **changes: float) -> NeuronParameters:
    """`count` equal neurons with the defaults of ExpIFRef, in SI units."""
    values = {
        "resistance": 1.0,
        "tau": 10e-3,
        "tau_ref": 1.7e-3,
        "v_th": -30e-3,
        "v_reset": -68e-3,
        "v_rest": -65e-3,
        "v_t": -59.9e-3,
        "delta_t": 3.48e-3,
        "v_initial": -65e-3,
    }
    return NeuronParameters(**{name: np.full(count, value) for name, value in (values | changes).items()})


def small_network(
    inputs: int = 6, hidden: tuple[int, ...] = (5,), classes: int = 3, synapse: bool = False, seed: int = 0
) -> Description:
    """A network of random weights that fires at tens of hertz for 30 % input spikes."""
    rng = np.random.default_rng(seed)
    layers: list[SpikingDescription | ReadoutDescription] = []
    width = inputs
    for index, count in enumerate(hidden):
        weight = rng.normal(0.0, 30e-3 / np.sqrt(width), (width, count))
        tau = np.full(count, 5e-3) if synapse else None
        bias = np.full(count, 8e-3)
        layers.append(SpikingDescription(f"layer{index}", weight, bias, tau, neurons(count)))
        width = count
    readout = rng.normal(0.0, 1.0, (width, classes))
    layers.append(ReadoutDescription("readout", readout, np.zeros(classes), np.full(classes, 20e-3)))
    return Description(1e-3, inputs, tuple(layers), "rate", 25)


def random_spikes(
    description: Description, steps: int = 25, samples: int = 16, seed: int = 1
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Random input spikes, uint8 `[steps, samples, inputs]`."""
    rng = np.random.default_rng(seed)
    return (rng.random((steps, samples, description.inputs)) < 0.3).astype(np.uint8)


def small_program(
    profile: str = "generic-16bit", description: Description | None = None, weight_bits: int | None = None
) -> Program:
    """`description`, by default two hidden layers, lowered for `profile`."""
    network = small_network(hidden=(5, 4)) if description is None else description
    calibration = calibrate(network, [random_spikes(network)])
    return lower(network, calibration, load_profile(profile), LoweringOptions(weight_bits=weight_bits))
