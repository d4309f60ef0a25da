"""The golden trace of a program: an input and the hash of every signal it must give (docs/spec.md section 7).

It travels in the file, so that anyone can check later that their emulator still computes what the one that
made the program did.
"""

from __future__ import annotations

import hashlib

import numpy as np

from quantize.numbers.arrays import Integers, frozen
from quantize.run.emulator import Emulator
from quantize.run.events import random_events

from .program import Golden, Program

__all__ = ["differing_signals", "record"]

_STEPS = 16
_SAMPLES = 2
_SEED = 20260101


def record(program: Program) -> Golden:
    """The golden trace of `program` for a fixed random input."""
    rng = np.random.default_rng(_SEED)
    shape = (_STEPS, _SAMPLES, program.graph.input.channels)
    active = rng.random(shape) < 0.3
    spikes = np.where(active, random_events(program.graph.input, rng, shape), 0)
    return Golden(frozen(spikes), _hashes(program, spikes))


def differing_signals(program: Program) -> tuple[str, ...]:
    """Signals whose hash is not the stated one, in the order they are computed; none without a golden trace.

    Raises:
        DataError: the golden input does not fit the program.
    """
    if program.golden is None:
        return ()
    found = _hashes(program, program.golden.spikes)
    stated = program.golden.signals
    unknown = sorted(stated.keys() - found.keys())
    return (*(name for name, value in found.items() if stated.get(name) != value), *unknown)


def _hashes(program: Program, spikes: Integers) -> dict[str, str]:
    signals = Emulator(program).run(spikes).signals
    return {name: hashlib.sha256(x.astype("<i8").tobytes()).hexdigest() for name, x in signals.items()}
