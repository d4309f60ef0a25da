"""How fast a design is asked to be, and the design that is taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from expifref.encoders import compact_frames, get_encoder
from expifref.exceptions import ParameterError
from exporters.systemverilog.planner import Activity, busy
from exporters.systemverilog.target import Case, smallest
from exporters.systemverilog.throughput import Throughput
from quantize.graph.layers import INPUT
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .parts import PARTS

__all__ = ["Traffic", "Wish", "choose", "traffic_of", "worst_traffic"]


@dataclass(frozen=True)
class Wish:
    """What is asked for; None: it is chosen."""

    lanes: tuple[int, ...] | None = None
    hold: bool | None = None
    rate: float | None = None  # samples a second


@dataclass(frozen=True)
class Traffic:
    """What comes into a design."""

    activity: Activity  # of a sample
    stays: bool  # whether each sample has the same input at every step, so that it pays to hold it


def worst_traffic(program: Program) -> Traffic:
    """Samples of which every input is active, images where the encoder of `program` takes them."""
    encoder = get_encoder(program.encoder)
    stays = encoder.static is not None and len(compact_frames(encoder, np.zeros((1, 1)), 2)) == 1
    return Traffic(replace(busy(program.graph), steps=program.steps), stays)


def traffic_of(program: Program, spikes: Spikes) -> Traffic:
    """Samples as active as those of `spikes`, `[steps, samples, inputs]`, on average."""
    steps, samples = spikes.shape[:2]
    active = np.count_nonzero(spikes) / (steps * samples)
    events = {**busy(program.graph).events, INPUT: active}
    return Traffic(Activity(steps, events), stays=bool((spikes == spikes[0]).all()))


def choose(program: Program, profile: Mapping[str, Any], wish: Wish, traffic: Traffic) -> Throughput:
    """What `wish` comes to on the device of `profile`, a profile as plain JSON values.

    Without lanes and a rate it is the fastest that fits, with a rate the smallest that reaches it.

    Raises:
        ParameterError: lanes and a rate are asked for, or no clock rate of the device is known.
        UnsupportedError: the device does not reach the rate, or its profile says nothing of multipliers.
    """
    if wish.lanes is not None and wish.rate is not None:
        raise ParameterError("lanes or the samples a second must be asked for, but both are: leave one out")
    case = Case(program.graph, profile, traffic.activity)
    hold = wish.hold if wish.hold is not None else traffic.stays and case.can_hold
    if wish.lanes is not None:
        return Throughput(wish.lanes, hold)
    if wish.rate is None:
        return case.fastest(hold)
    both = hold and wish.hold is None
    return smallest(case, (False, True) if both else (hold,), wish.rate, _clock_hz(profile))


def _clock_hz(profile: Mapping[str, Any]) -> float:
    part = PARTS.get(profile["name"])
    if part is None or part.clock_mhz is None:
        known = ", ".join(name for name, one in PARTS.items() if one.clock_mhz is not None)
        raise ParameterError(
            f"samples a second need a device whose clock rate is known, one of {known}, not "
            f"`{profile['name']}`: ask for lanes instead"
        )
    return part.clock_mhz * 1e6
