"""The parameters of all neuron models: their dimensions, and what must hold of their values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .quantities import (
    CONDUCTANCE,
    CURRENT,
    POTENTIAL,
    RESISTANCE,
    TIME,
    Kind,
    check_shape,
    check_values,
    is_traced,
)

__all__ = ["PARAMETERS", "check_parameters"]

PARAMETERS: dict[str, Kind] = {
    "R": RESISTANCE,
    "tau": TIME,
    "tau_w": TIME,
    "tau_ref": TIME,
    "V_th": POTENTIAL,
    "V_reset": POTENTIAL,
    "V_rest": POTENTIAL,
    "V_T": POTENTIAL,
    "delta_T": POTENTIAL,
    "a": CONDUCTANCE,
    "b": CURRENT,
}
"""By the names they have as arguments of the neurons."""

Values = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Rule:
    name: str
    kept: Callable[[Values], NDArray[np.bool_]]
    text: str


_RULES = (
    _Rule("tau", lambda value: value["tau"] > 0, "above 0 ms"),
    _Rule("tau_w", lambda value: value["tau_w"] > 0, "above 0 ms"),
    _Rule("tau_ref", lambda value: value["tau_ref"] >= 0, "at least 0 ms"),
    _Rule("delta_T", lambda value: value["delta_T"] > 0, "above 0 mV"),
    _Rule("V_reset", lambda value: value["V_reset"] < value["V_th"], "below `V_th`"),
    _Rule("V_T", lambda value: value["V_T"] < value["V_th"], "below `V_th`"),
)


def check_parameters(number: dict[str, Any], shape: tuple[int, ...], prefix: str = "") -> None:
    """Raise ParameterError where the parameters of a population break their rules.

    They are in the units of `PARAMETERS`. `prefix` goes before each parameter's name in the message. Traced
    values pass: they have no numbers yet.
    """
    for name, value in number.items():
        check_shape(prefix + name, value, shape)
    if any(is_traced(value) for value in number.values()):
        return
    values = {name: np.asarray(value) for name, value in number.items()}
    for name, value in values.items():
        check_values(prefix + name, value, np.isfinite(value), "finite", PARAMETERS[name])
    for rule in _RULES:
        if rule.name in values:
            check_values(
                prefix + rule.name, values[rule.name], rule.kept(values), rule.text, PARAMETERS[rule.name]
            )
