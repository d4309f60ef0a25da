"""Currents and membrane increments that other modules register on a neuron.

Same names and meaning as on `brainpy.state` neurons: a callable stays and is asked at every step,
an array is used once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from expifref.exceptions import ParameterError

__all__ = ["RegisteredInputs"]

Registry = dict[str, Any]


class RegisteredInputs:
    """Mix-in that keeps current inputs (amperes) and delta inputs (volts) by key."""

    _current_inputs: Registry | None = None
    _delta_inputs: Registry | None = None

    @property
    def current_inputs(self) -> Registry | None:
        """The registered currents by key, or None before the first one."""
        return self._current_inputs

    @property
    def delta_inputs(self) -> Registry | None:
        """The registered membrane increments by key, or None before the first one."""
        return self._delta_inputs

    def add_current_input(self, key: str, inp: Callable[..., Any] | Any, label: str | None = None) -> None:
        """Register a current: a callable of the membrane potential, or an array for the next step only."""
        if self._current_inputs is None:
            self._current_inputs = {}
        _add(self._current_inputs, _full_key(key, label), inp, "current")

    def add_delta_input(self, key: str, inp: Callable[..., Any] | Any, label: str | None = None) -> None:
        """Register a membrane increment: a callable without arguments, or an array for the next step only."""
        if self._delta_inputs is None:
            self._delta_inputs = {}
        _add(self._delta_inputs, _full_key(key, label), inp, "delta")

    def get_input(self, key: str) -> Any:
        """The current or delta input registered under `key`."""
        for registry in (self._current_inputs, self._delta_inputs):
            if registry is not None and key in registry:
                return registry[key]
        raise ParameterError(f"`key` must name a registered input, not {key!r}")

    def sum_current_inputs(
        self, init: Any, *args: Any, label: str | None = None, pop: bool = True, **kwargs: Any
    ) -> Any:
        """`init` plus every registered current; callables get the remaining arguments."""
        return _sum(self._current_inputs, init, args, kwargs, label, pop)

    def sum_delta_inputs(
        self, init: Any, *args: Any, label: str | None = None, pop: bool = True, **kwargs: Any
    ) -> Any:
        """`init` plus every registered membrane increment; callables get the remaining arguments."""
        return _sum(self._delta_inputs, init, args, kwargs, label, pop)


def _full_key(key: str, label: str | None) -> str:
    return key if label is None else f"{label} // {key}"


def _add(registry: Registry, key: str, inp: Any, noun: str) -> None:
    if key in registry and registry[key] is not inp:
        raise ParameterError(f"`key` must be new, but a {noun} input is already registered as {key!r}")
    registry[key] = inp


def _sum(
    registry: Registry | None,
    init: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    label: str | None,
    pop: bool,
) -> Any:
    total = init
    for key, inp in list((registry or {}).items()):
        if label is not None and not key.startswith(f"{label} // "):
            continue
        if callable(inp):
            total = total + inp(*args, **kwargs)
            continue
        total = total + inp
        if pop and registry is not None:
            del registry[key]
    return total
