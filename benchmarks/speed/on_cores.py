"""W2 at batch 1024 on one core and on two: the JAX executor's devices, the native executor's threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quantize.program.file import load_program
from quantize.program.program import Program
from quantize.run.trace import Totals

from .measure import Prepared
from .ours import checked, jax_versions
from .workloads import W2

_BATCH = 1024

Executor = Callable[[np.ndarray], Totals]
"""Sums over the steps of spikes `[steps, batch, inputs]`."""


def jax_1_core(folder: Path) -> Prepared:
    """One device that has one core."""
    _keep_to_one_core()  # before JAX counts them
    return _prepared(folder, lambda program: _on_devices(program, 1))


def jax_1(folder: Path) -> Prepared:
    """One device that may use all cores."""
    return _prepared(folder, lambda program: _on_devices(program, 1))


def jax_2(folder: Path) -> Prepared:
    """Two devices."""
    return _prepared(folder, lambda program: _on_devices(program, 2))


def native_1_core(folder: Path) -> Prepared:
    """One thread."""
    _keep_to_one_core()
    return _prepared(folder, lambda program: _on_threads(program, 1))


def native_2(folder: Path) -> Prepared:
    """Two threads."""
    return _prepared(folder, lambda program: _on_threads(program, 2))


def _keep_to_one_core() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])


def _on_devices(program: Program, count: int) -> Executor:
    from quantize.jax import JaxExecutor

    return JaxExecutor(program.graph, count).totals


def _on_threads(program: Program, count: int) -> Executor:
    from exporters.native.executor import NativeExecutor

    return NativeExecutor(program.graph, count).totals


def _prepared(folder: Path, make: Callable[[Program], Executor]) -> Prepared:
    totals = make(load_program(folder / "program.json"))
    spikes = np.tile(np.load(folder / "spikes.npy"), (1, _BATCH // W2.batch, 1))
    last: list[Totals] = []

    def run() -> None:
        last[:] = [totals(spikes)]

    return Prepared(run, lambda: checked(last[0].output, last[0].state), jax_versions())
