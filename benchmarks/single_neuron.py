"""Neurons on their own: the same current into the canonical step and into a program that was lowered for it.

The current reaches the program through its ordinary input port, as the two bytes of a 16-bit code, so that
what is measured is what lowering makes: weights, rescale, drive, tables, membrane.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from standard_bodies import neuron_of

from expifref.dynamics import Drive, NeuronConstants, StepResult, canonical_step
from expifref.files.writing import write_bytes
from expifref.network.description import (
    INPUT,
    Description,
    FeedDescription,
    NeuronParameters,
    SpikingDescription,
)
from expifref.network.neuron_steps import constants
from hw_profiles import Profile
from quantize.graph.bodies import ExpIFConstants
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.program.program import Program
from quantize.run.emulator import Emulator

__all__ = ["CODE_LSB", "Response", "code_current", "euler_step", "float_response", "leak_step"]
__all__ += ["lowered", "neuron", "program_response", "table_bits", "write_figure"]

Floats = NDArray[np.float64]
Step = Callable[[Floats, NDArray[np.int64], Drive, NeuronConstants, float], StepResult]

CODE_LSB = 2.0**-11
"""Drive of one code of the 16-bit input, in units of delta_T: an LSB of a 16-bit drive up to 16 delta_T."""

_HALF = 1 << 15


@dataclass(frozen=True)
class Response:
    """What neurons did, each `[steps, neurons]`."""

    v: Floats  # V
    spikes: NDArray[np.bool_]


def neuron(**changes: float) -> NeuronParameters:
    """One neuron: the defaults of ExpIFRef in SI units with 1 ohm, so that a current is `R I`."""
    values = {
        "resistance": 1.0,
        "tau": 10e-3,
        "tau_ref": 1.7e-3,
        "v_th": -30e-3,
        "v_reset": -68e-3,
        "v_rest": -65e-3,
        "v_t": -59.9e-3,
        "delta_t": 3.48e-3,
    } | changes
    values.setdefault("v_initial", values["v_rest"])
    return NeuronParameters(**{name: np.array([value]) for name, value in values.items()})


def float_response(
    cell: NeuronParameters, current: Floats, dt: float, step: Step = canonical_step
) -> Response:
    """`step` in float64 for `current`, amperes `[steps, neurons]`."""
    fixed = constants(cell, dt)
    v = np.full(current.shape[1], cell.v_initial[0])
    refractory = np.zeros(current.shape[1], np.int64)
    response = Response(np.empty(current.shape), np.empty(current.shape, np.bool_))
    for n, now in enumerate(current):
        v, refractory, spikes = step(v, refractory, Drive(now), fixed, dt)
        response.v[n], response.spikes[n] = v, spikes
    return response


def program_response(
    cell: NeuronParameters, current: Floats, dt: float, profile: Profile, lsb: float = CODE_LSB
) -> tuple[Program, Response, int]:
    """The program lowered for `cell`, its response to `current`, and how many values saturated.

    The columns of `current` run as samples of one neuron. `lsb` is that of the input, in units of delta_T.
    """
    volts = lsb * float(cell.delta_t[0])
    codes = np.clip(np.rint(current / volts) + _HALF, 0, 2 * _HALF - 1).astype(np.int64)
    inputs = np.stack([codes >> 8, codes & 255], axis=-1).astype(np.uint8)
    # The encoder divides by 255.
    weight = np.array([[256.0], [1.0]]) * 255 * volts
    layer = SpikingDescription(
        "neuron", (FeedDescription(INPUT, weight),), np.array([-_HALF * volts]), None, cell
    )
    description = Description(dt, 2, (layer,), "current", len(inputs))
    program = lower(description, calibrate(description, [inputs]), profile)
    emulator = Emulator(program)
    signals = emulator.run(inputs, signals=["neuron.membrane", "neuron.spikes"]).signals
    frac = lowered(program).membrane.format.frac
    v = cell.v_t + cell.delta_t * signals["neuron.membrane"][..., 0] * 2.0**-frac
    response = Response(v, signals["neuron.spikes"][..., 0] > 0)
    return program, response, sum(emulator.saturations.values())


def code_current(cell: NeuronParameters, current: Floats, lsb: float) -> Floats:
    """`current` rounded down to codes of the input, so that rheobase stays at or below rheobase."""
    volts = lsb * float(cell.delta_t[0])
    return np.floor(current / volts) * volts


def lowered(program: Program) -> ExpIFConstants:
    """The neurons of a program for neurons on their own."""
    return neuron_of(program.graph.layers[0])


def table_bits(program: Program) -> int:
    """Bits of both tables together."""
    update = lowered(program)
    tables = (update.growth, *update.gain)
    return sum(len(table.values) * table.format.bits for table in tables)


def write_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as PNG, the same bytes for the same picture."""
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    write_bytes(path, picture.getvalue())


def leak_step(
    v: Floats, refractory: NDArray[np.int64], drive: Drive, c: NeuronConstants, dt: float
) -> StepResult:
    """Exponential Euler with the leak's Jacobian alone: the exponential current is held over the step."""
    return _simple_step(v, refractory, drive.current, c, -np.expm1(-dt / c.tau))


def euler_step(
    v: Floats, refractory: NDArray[np.int64], drive: Drive, c: NeuronConstants, dt: float
) -> StepResult:
    """Forward Euler."""
    return _simple_step(v, refractory, drive.current, c, dt / c.tau)


def _simple_step(
    v: Floats, refractory: NDArray[np.int64], current: Floats, c: NeuronConstants, share: Floats
) -> StepResult:
    v = np.where(v >= c.v_th, c.v_reset, v)
    drift = c.v_rest - v + c.delta_t * np.exp((v - c.v_t) / c.delta_t) + c.resistance * current
    v = np.where(refractory > 0, v, np.minimum(v + share * drift, c.v_th))
    spikes = v >= c.v_th
    return StepResult(v, np.where(spikes, c.refractory_steps, np.maximum(refractory - 1, 0)), spikes)
