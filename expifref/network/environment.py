"""Where a network was trained: what its bytes depend on beside data, network, settings and seed.

The module imports no JAX. An environment is a flat record of short texts: the libraries whose code takes
part, the kind of device, the machine and its instruction set, and the number of cores only where the sums
of products depend on it.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

__all__ = ["Environment", "change", "current_environment"]

Environment = Mapping[str, str]
"""Texts of letters, digits and `.`, `_`, `+`, `-` by name; empty where nothing was recorded."""

_LIBRARIES = ("expifref", "jax", "jaxlib", "numpy", "optax", "brainstate", "braintools", "saiunit")
_MAX_ISA = re.compile(r"--xla_cpu_max_isa=(\w+)")
_NAMED = 3  # differences that a sentence names
_SHOWN = 24  # characters of a name or value in a sentence


def current_environment(kernels: bool = False) -> dict[str, str]:
    """The environment of this process, for a network with convolutions or without. Imports JAX."""
    import jax

    from expifref.connections.products import cores_matter

    found = {name: version(name) for name in _LIBRARIES}
    found["platform"] = jax.default_backend()
    found["system"] = platform.system()
    found["machine"] = platform.machine()
    found["instruction_set"] = _instruction_set()
    if limit := _MAX_ISA.search(os.environ.get("XLA_FLAGS", "")):
        found["xla_cpu_max_isa"] = limit[1]
    if found["platform"] != "cpu":
        found["device"] = jax.devices()[0].device_kind
    if cores_matter(kernels):
        found["cores"] = str(_cores())
    return {name: _cleaned(text) for name, text in found.items()}


def change(was: Environment, now: Environment) -> str | None:
    """One sentence where a run that was in `was` goes on in `now`; None where both are the same."""
    names = [name for name in dict.fromkeys([*was, *now]) if was.get(name) != now.get(name)]
    if not names:
        return None
    end = "so the network may differ in its last bits from that of a run that was never cut"
    if not was:
        return f"Warning: the state does not say in which environment it was stored, {end}"
    named = [f"`{name[:_SHOWN]}` was {_value(was, name)}, is {_value(now, name)}" for name in names[:_NAMED]]
    more = f"; {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"Warning: the run goes on in another environment ({'; '.join(named)}{more}), {end}"


def _value(environment: Environment, name: str) -> str:
    return environment[name][:_SHOWN] if name in environment else "not recorded"


def _cleaned(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]", "_", text)[:64] or "unknown"


def _instruction_set() -> str:
    """The largest set of this machine among those that NumPy has code for, such as X86_V3 or ASIMDHP."""
    config: Any = np.show_config(mode="dicts")
    extensions = config.get("SIMD Extensions", {})
    known = extensions.get("found") or extensions.get("baseline") or ["unknown"]
    return str(known[-1])


def _cores() -> int:
    """The cores that XLA finds for this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
