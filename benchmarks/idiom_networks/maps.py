"""Convolutions and poolings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainstate
import braintools
import numpy as np
import saiunit as u
from brainstate.nn import Linear, Module

from .idiom import Idiom, joining
from .parts import in_milliamperes, neurons

__all__ = ["IDIOMS"]

nn = brainstate.nn
IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


def _image(pool: Callable[[Any], Any]) -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(
                (6, 6, 1), 4, kernel_size=3, w_init=braintools.init.KaimingNormal(scale=8.0)
            )
            self.n = neurons(self.conv.out_size)
            self.pool = pool(self.conv.out_size)
            self.flat = nn.Flatten(in_size=self.pool.out_size)
            self.out = Linear(int(np.prod(self.pool.out_size)), 3)

        def update(self, x: Any) -> Any:
            return self.out(self.flat(self.pool(self.n(self.conv(x) * u.mA))))

    return Net()


@_idiom("Conv2d, neurons, AvgPool2d, Flatten, Linear", "brainstate example 300, snntorch tutorial 6")
def _convolved() -> Any:
    return _image(lambda size: nn.AvgPool2d(2, 2, in_size=size))


@_idiom("the same with MaxPool2d", "snntorch tutorial 6")
def _max_pooled() -> Any:
    return _image(lambda size: nn.MaxPool2d(2, 2, in_size=size))


@_idiom("Conv1d over channels", "users")
def _convolved_line() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d((8, 2), 3, kernel_size=3)
            self.n, self.out = neurons((8, 3)), Linear(24, 3)

        def update(self, x: Any) -> Any:
            spikes = self.n(self.conv(x) * u.mA)
            return self.out(spikes.reshape(*spikes.shape[:-2], 24))

    return Net()


@_idiom("Flatten before an MLP", "brainstate tutorials")
def _flattened() -> Any:
    return nn.Sequential(
        nn.Flatten(in_size=(2, 2)),
        Linear(4, 8, w_init=in_milliamperes(), b_init=None),
        neurons(),
        Linear(8, 3),
    )
