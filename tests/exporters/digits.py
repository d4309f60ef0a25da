"""Digits as a person draws them, and a network that knows digits without hours of training."""

from __future__ import annotations

import math

import numpy as np

from expifref.data.digits import load_digits
from expifref.encoders import encode
from expifref.network.simulate import simulate
from hw_profiles import load_profile
from quantize.lowering.calibration import calibrate
from quantize.lowering.lower import lower
from quantize.program.program import Program
from tests.networks import network, replace_layer

__all__ = ["DRAWN", "digits_program"]

Point = tuple[float, float]
Strokes = list[list[Point]]

_STEPS = 25
_FADING = 20.0  # steps, of the readout
_UNITS = 128


def _arc(x: float, y: float, wide: float, high: float, turn: tuple[float, float]) -> list[Point]:
    """Part of an ellipse around (x, y); turns are in degrees, 0 to the right, 90 down."""
    angles = [math.radians(turn[0] + (turn[1] - turn[0]) * part / 12) for part in range(13)]
    return [(x + wide * math.cos(angle), y + high * math.sin(angle)) for angle in angles]


DRAWN: dict[int, Strokes] = {
    0: [_arc(0.5, 0.5, 0.22, 0.35, (-90, 270))],
    1: [[(0.38, 0.3), (0.52, 0.15), (0.52, 0.85)]],
    2: [[*_arc(0.5, 0.33, 0.2, 0.18, (-160, 40)), (0.3, 0.85), (0.72, 0.85)]],
    3: [[*_arc(0.47, 0.32, 0.2, 0.17, (-150, 90)), *_arc(0.47, 0.67, 0.22, 0.18, (-90, 150))]],
    4: [[(0.45, 0.15), (0.25, 0.55), (0.75, 0.55)], [(0.6, 0.35), (0.55, 0.88)]],
    5: [[(0.7, 0.15), (0.38, 0.15), (0.36, 0.45), *_arc(0.48, 0.63, 0.22, 0.22, (-110, 140))]],
    6: [[(0.55, 0.14), (0.38, 0.4), *_arc(0.5, 0.67, 0.19, 0.19, (180, -180))]],
    7: [[(0.28, 0.16), (0.72, 0.16), (0.48, 0.86)], [(0.36, 0.5), (0.68, 0.5)]],
    8: [[*_arc(0.5, 0.33, 0.16, 0.17, (90, 450)), *_arc(0.5, 0.67, 0.19, 0.18, (-90, 270))]],
    9: [[*_arc(0.5, 0.35, 0.18, 0.19, (0, -360)), (0.68, 0.35), (0.64, 0.6), (0.45, 0.86)]],
}
"""Strokes of each digit in a frame of 1 x 1, y downwards."""


def digits_program() -> Program:
    """64-128-10 for the digits: random spiking neurons, and the readout of them that fits best."""
    data = load_digits()
    description = network((64, _UNITS, 10), encoder="current", tau_synapse=None, seed=1)
    spikes = encode("current", data.train.values, _STEPS)
    # What the spikes of each step leave in the sum over all steps of the readout.
    left = np.cumsum(np.exp(-np.arange(_STEPS) / _FADING))[::-1]
    hidden = (first.spikes for first, _ in simulate(description, spikes))
    counts = sum(weight * step for weight, step in zip(left, hidden, strict=True))
    wanted = np.eye(10)[data.train.labels] - 0.1
    inner = counts.T @ counts + len(counts) * np.eye(_UNITS)
    weight = np.linalg.solve(inner, counts.T @ wanted)
    fitted = replace_layer(description, -1, weight=weight, bias=np.zeros(10))
    return lower(fitted, calibrate(fitted, [spikes[:, :_UNITS]]), load_profile("generic-16bit"))
