"""The relatives of `Linear`, masks, and parameters of each neuron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import brainstate
import braintools
import jax.numpy as jnp
import numpy as np
import saiunit as u
from brainstate.nn import Linear, Module

from .idiom import Idiom, joining
from .parts import in_milliamperes, neurons

__all__ = ["IDIOMS"]

nn = brainstate.nn
IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("Dropout", "brainstate tutorials")
def _dropped() -> Any:
    return nn.Sequential(
        Linear(4, 8, w_init=in_milliamperes(), b_init=None), neurons(), nn.Dropout(0.5), Linear(8, 3)
    )


@_idiom("a weight mask", "brainstate docs")
def _masked() -> Any:
    mask = (np.arange(32).reshape(4, 8) % 3 > 0).astype(np.float32)
    return nn.Sequential(
        Linear(4, 8, w_init=in_milliamperes(), w_mask=mask, b_init=None), neurons(), Linear(8, 3)
    )


@_idiom("`tau` of each neuron, a dict of layers, size `(8,)`", "users")
def _heterogeneous() -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            tau = np.array([8.0, 10.0] * 4) * u.ms
            self.parts = {"in": Linear(4, 8), "n": neurons((8,), tau=tau), "out": Linear(8, 3)}

        def update(self, x: Any) -> Any:
            return self.parts["out"](self.parts["n"](self.parts["in"](x) * u.mA))

    return Net()


def _with_first(first: Callable[[], Any]) -> Any:
    class Net(Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.n, self.out = first(), neurons(), Linear(8, 3)

        def update(self, x: Any) -> Any:
            return self.out(self.n(self.first(x) * u.mA))

    return Net()


@_idiom("`ScaledWSLinear`", "brainstate docs")
def _standardized() -> Any:
    return _with_first(lambda: nn.ScaledWSLinear(4, 8))


@_idiom("`SignedWLinear`", "brainstate docs")
def _signed() -> Any:
    return _with_first(lambda: nn.SignedWLinear(4, 8))


@_idiom("`AllToAll`", "brainstate docs")
def _all_to_all() -> Any:
    return _with_first(lambda: nn.AllToAll(4, 8, w_init=braintools.init.KaimingNormal()))


@_idiom("`OneToOne`", "brainstate docs")
def _one_to_one() -> Any:
    return _with_first(lambda: nn.Sequential(Linear(4, 8), nn.OneToOne(8, braintools.init.Constant(0.5))))


@_idiom("`SparseLinear`", "brainstate docs")
def _sparse() -> Any:
    dense = np.where(np.arange(32).reshape(4, 8) % 3 == 0, 0.5, 0.0).astype(np.float32)
    return _with_first(lambda: nn.SparseLinear(u.sparse.CSR.fromdense(jnp.asarray(dense)), in_size=4))


@_idiom("a Linear with an `update` of its own", "users")
def _own_update() -> Any:
    class Louder(Linear):
        def update(self, x: Any) -> Any:
            return 2.0 * super().update(x) + 0.1

    return _with_first(lambda: Louder(4, 8))
