"""Hidden layers to train, as data and as people type them: `dense:128`, `recurrent:64,tau=20ms`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from .description import MAX_DELAY
from .exceptions import ParameterError
from .texts import shown

__all__ = ["HiddenLayer", "parse_layer"]

_FORM = re.compile(r"(dense|recurrent):([0-9]{1,9})((?:,[a-z_]+=[^,]+)*)", re.ASCII)
_TIME = re.compile(r"([0-9]+(?:\.[0-9]*)?)ms", re.ASCII)


@dataclass(frozen=True)
class HiddenLayer:
    """One layer of neurons, fed by the layer before and, if recurrent, by its own earlier spikes."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    units: int
    recurrent: bool = False
    tau: float | None = None  # ms, of the membranes; None: as of all neurons of the network
    delay: int = 1  # steps after which its spikes come back to it

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ParameterError(f"a hidden layer must have at least 1 neuron, not {self.units}")
        if self.tau is not None and not 0 < self.tau < math.inf:
            raise ParameterError(f"`tau` of a layer must be a time above 0 ms, not {self.tau:g} ms")
        if not 1 <= self.delay <= MAX_DELAY:
            raise ParameterError(f"`delay` of a layer must be 1 to {MAX_DELAY} steps, not {self.delay}")
        if self.delay > 1 and not self.recurrent:
            raise ParameterError("`delay` must be left out of a dense layer, whose spikes do not come back")


def parse_layer(text: str) -> HiddenLayer:
    """The layer that `KIND:NEURONS` or `KIND:NEURONS,OPTION=VALUE,...` says.

    Raises:
        ParameterError: `text` has another form, or an option that there is not.
    """
    found = _FORM.fullmatch(text.replace(" ", ""))
    if found is None:
        raise ParameterError(
            "a layer must be dense or recurrent with its number of neurons, such as dense:128 or "
            f"recurrent:64,tau=20ms, not {shown(text)}"
        )
    options: dict[str, float | int] = {}
    for option in found[3].split(",")[1:]:
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            raise ParameterError(f"a layer takes the options {', '.join(_OPTIONS)}, not {shown(name)}")
        options[name] = _OPTIONS[name](value)
    return HiddenLayer(int(found[2]), found[1] == "recurrent", **options)  # type: ignore[arg-type]  # by _OPTIONS


def _milliseconds(text: str) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ParameterError(f"`tau` of a layer must be a time in ms, such as tau=20ms, not {shown(text)}")
    return float(found[1])


def _steps(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise ParameterError(
            f"`delay` of a layer must be a number of steps, such as delay=2, not {shown(text)}"
        )
    return int(text)


_OPTIONS: Mapping[str, Callable[[str], float]] = MappingProxyType({"tau": _milliseconds, "delay": _steps})
