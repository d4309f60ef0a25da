"""A batch shared among devices: the same bytes for any number of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from expifref.exceptions import ParameterError
from quantize.jax import JaxExecutor
from tests.networks import lowered, network

_SCRIPT = """
import hashlib
import numpy as np
from quantize.run.emulator import GraphEmulator
from quantize.jax import JaxExecutor
from tests.graphs import random_graph, random_graph_input
from tests.networks import lowered, network

def fingerprint(executor, values):
    run = executor.run(values)
    parts = [*run.signals.values(), *run.state.values()]
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()

graph = lowered(network((6, 5, 3)), "generic-16bit").graph
spikes = (np.random.default_rng(0).random((9, 13, 6)) < 0.4).astype(np.uint8)
executors = [*(JaxExecutor(graph, devices) for devices in (1, 2, 3, 4, None)), GraphEmulator(graph)]
executors.insert(0, JaxExecutor(graph, 2, "interpret"))
print(*(fingerprint(executor, spikes) for executor in executors))
totals = [JaxExecutor(graph, devices).totals(spikes).output.tobytes() for devices in (1, 2, 4)]
print(len(set(totals)))
recurrent = random_graph(3)
assert recurrent.histories
values = random_graph_input(recurrent, 9, 13, 0)
executors = [*(JaxExecutor(recurrent, devices) for devices in (1, 2, 4)), GraphEmulator(recurrent)]
print(len({fingerprint(executor, values) for executor in executors}))
"""


def test_one_two_and_four_devices_give_the_same_bytes() -> None:
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
    strict = {"JAX_NUMPY_DTYPE_PROMOTION": "strict"}
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"} | strict
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    prints, totals, recurrent = done.stdout.splitlines()
    assert len(prints.split()) == 7
    assert len(set(prints.split())) == 1
    assert totals == "1"
    assert recurrent == "1"


def test_devices_that_are_not_there_are_refused() -> None:
    program = lowered(network((6, 5, 3)), "generic-16bit")
    with pytest.raises(ParameterError, match=r"^`devices` must be 1\.\.\d+, what this process has, not 99$"):
        JaxExecutor(program.graph, 99)
