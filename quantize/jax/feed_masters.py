"""Trainable float values of one feed, and the integer codes that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from expifref.network.description import numbered
from expifref.network.modules import Parameters
from expifref.neurons.gradient import graft
from quantize.numbers.formats import Format

from .reverse import Codes
from .shapes import CodeVector, CodeWeights
from .standard import MULTIPLIER

__all__ = ["FeedCodes", "FeedMasters", "largest_float"]

Floats = NDArray[np.float64]


class FeedCodes(NamedTuple):
    """The trained integers of a feed."""

    weight: CodeWeights
    multiplier: CodeVector  # of each column


@dataclass(frozen=True, eq=False)
class FeedMasters:
    """The trainable values of feed number `index`; "code" is a code of what accumulators are scaled to."""

    index: int
    real: Floats  # [source units, units] or a kernel, codes: the weights before training
    step: Floats  # [columns], codes per weight code before training
    shift: int  # fraction bits of the multiplier
    weight_format: Format
    multiplier_format: Format
    per_weight: Floats  # [columns], codes per SI unit of a weight
    positions: int  # units that share a column: 1, of a kernel as many as it comes to

    @property
    def weight(self) -> str:
        """What the trained weights are called."""
        return numbered("weight", self.index)

    @property
    def step_name(self) -> str:
        """What the trained step sizes are called."""
        return numbered("step", self.index)

    @property
    def multiplier(self) -> str:
        """The constant of the program that has the step sizes."""
        return numbered(MULTIPLIER, self.index)

    @property
    def size(self) -> float:
        """Natural size of a weight, in codes."""
        return float(np.sqrt((self.real**2).sum(axis=0).mean())) or 1.0

    def start(self, trains_steps: bool) -> Parameters:
        """The values before training, in natural sizes: that of a step is itself."""
        weight = {self.weight: jnp.asarray(self.real / self.size, jnp.float32)}
        steps = {self.step_name: jnp.ones(len(self.step), jnp.float32)}
        return weight | steps if trains_steps else weight

    def codes(self, natural: Parameters) -> FeedCodes:
        """The integers that `natural` stand for, traced by JAX."""
        fmt, step = self.weight_format, jnp.asarray(self.step, jnp.float32)
        if self.step_name in natural:
            step = natural[self.step_name] * step
        scaled = step * 2.0**self.shift
        most = largest_float(self.multiplier_format)
        multiplier = graft(jnp.clip(jnp.rint(scaled), 1, most), scaled)
        real = natural[self.weight] * jnp.asarray(self.size, jnp.float32)
        weight = jnp.clip(real / (multiplier * 2.0**-self.shift), fmt.lo, fmt.hi)
        return FeedCodes(graft(jnp.rint(weight), weight), multiplier)

    def real_weight(self, codes: Codes) -> Floats:
        """The SI weights that `codes` of the layer stand for exactly."""
        weight = np.asarray(codes.weights[self.index], np.float64)
        multiplier = np.asarray(codes.constants[self.multiplier], np.float64)[: weight.shape[1]]
        scaled: Floats = weight * multiplier * 2.0**-self.shift / self.per_weight
        return scaled


def largest_float(fmt: Format) -> float:
    """The largest whole number of `fmt` that float32 holds."""
    nearest = np.float32(fmt.hi)
    return float(nearest if int(nearest) <= fmt.hi else np.nextafter(nearest, np.float32(0)))
