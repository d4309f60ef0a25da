"""Hidden layers to train, as data and as people type them: `dense:128`, `recurrent:64,tau=20ms`, `pool:2`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from expifref.exceptions import ParameterError
from expifref.files.texts import shown

from .description import MAX_DELAY

__all__ = ["AnyLayer", "ConvolutionLayer", "HiddenLayer", "PoolLayer", "parse_layer"]

_FORM = re.compile(
    r"(dense|recurrent|conv|pool):([0-9]{1,9})(?:x([0-9]{1,9}))?((?:,[a-z_]+=[^,]+)*)", re.ASCII
)
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
        _check_tau(self.tau)
        if not 1 <= self.delay <= MAX_DELAY:
            raise ParameterError(f"`delay` of a layer must be 1 to {MAX_DELAY} steps, not {self.delay}")
        if self.delay > 1 and not self.recurrent:
            raise ParameterError("`delay` must be left out of a dense layer, whose spikes do not come back")


@dataclass(frozen=True)
class ConvolutionLayer:
    """Neurons behind square kernels that go over the plane before, at every place that they fit in."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    channels: int  # of what comes out, one neuron each at every place
    kernel: int  # values along each side
    tau: float | None = None  # ms, as of a `HiddenLayer`

    def __post_init__(self) -> None:
        for name, number in (("channel", self.channels), ("value in its kernel", self.kernel)):
            if number < 1:
                raise ParameterError(f"a convolution must have at least 1 {name}, not {number}")
        _check_tau(self.tau)


@dataclass(frozen=True)
class PoolLayer:
    """Means over squares of a plane, which the layer behind sees in its place."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "strict": True}

    size: int  # values along each side

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ParameterError(f"a pooling must be over squares of at least 2 x 2, not of {self.size}")


AnyLayer = HiddenLayer | ConvolutionLayer | PoolLayer


def parse_layer(text: str) -> AnyLayer:
    """The layer that `KIND:SIZE` or `KIND:SIZE,OPTION=VALUE,...` says.

    Raises:
        ParameterError: `text` has another form, or an option that there is not.
    """
    found = _FORM.fullmatch(text.replace(" ", ""))
    if found is None or (found[1] == "conv") != (found[3] is not None):
        raise ParameterError(
            "a layer must be dense or recurrent with its number of neurons, such as dense:128 or "
            "recurrent:64,tau=20ms, conv with its channels and the side of its kernel, such as conv:16x5, or "
            f"pool with the side of its squares, such as pool:2, not {shown(text)}"
        )
    options = _options(found[1], found[4])
    if found[1] == "pool":
        return PoolLayer(int(found[2]))
    if found[1] == "conv":
        return ConvolutionLayer(int(found[2]), int(found[3]), **options)
    return HiddenLayer(int(found[2]), found[1] == "recurrent", **options)  # type: ignore[arg-type]  # by _OPTIONS


def _options(kind: str, text: str) -> dict[str, float]:
    taken = _OPTIONS[kind]
    options: dict[str, float] = {}
    for option in text.split(",")[1:]:
        name, _, value = option.partition("=")
        if name not in taken:
            listed = f"the options {', '.join(taken)}" if taken else "no options"
            raise ParameterError(f"a layer {kind} takes {listed}, not {shown(name)}")
        options[name] = taken[name](value)
    return options


def _check_tau(tau: float | None) -> None:
    if tau is not None and not 0 < tau < math.inf:
        raise ParameterError(f"`tau` of a layer must be a time above 0 ms, not {tau:g} ms")


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


_OPTIONS: Mapping[str, Mapping[str, Callable[[str], float]]] = MappingProxyType(
    {
        "dense": {"tau": _milliseconds, "delay": _steps},
        "recurrent": {"tau": _milliseconds, "delay": _steps},
        "conv": {"tau": _milliseconds},
        "pool": {},
    }
)
