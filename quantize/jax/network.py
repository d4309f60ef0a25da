"""A network under quantization-aware training: its program's skeleton, its masters and its forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp

from expifref.description import Description, SpikingDescription, description_digest
from expifref.encoders import get_encoder
from expifref.exceptions import ParameterError
from expifref.gradient import GradientRules
from expifref.networks import DEFAULT_RULES, SURROGATE, Parameters, Run
from hw_profiles import Arithmetic, Profile, parse_profile
from quantize.golden import record
from quantize.placement import place
from quantize.program import Program, SpikingLayer, layer_prefix, layer_signals
from quantize.ranges import prove

from .constants import any_words, filter_arrays, neuron_arrays
from .masters import Codes, LayerMasters, layer_masters
from .straight_through import DifferentiableLayer

__all__ = ["QuantizedNetwork", "quantized_network"]

Array = Any  # a JAX array or tracer

_NOTE = "quantization-aware training from the model {}"


@dataclass(frozen=True)
class QuantizedNetwork:
    """Everything about the network but the trained values, which are `natural` everywhere below."""

    description: Description  # the float network that training starts from
    skeleton: Program  # its post-training program
    profile: Profile
    arithmetic: Arithmetic
    masters: tuple[LayerMasters, ...]
    layers: tuple[DifferentiableLayer, ...]

    @property
    def start(self) -> Parameters:
        """The values before training, `<layer>.<part>`."""
        return {
            f"{layer.layer.name}.{part}": value
            for layer in self.masters
            for part, value in layer.start.items()
        }

    def codes(self, natural: Parameters) -> tuple[Codes, ...]:
        """The integers that `natural` stand for, traced by JAX."""
        return tuple(
            m.codes({part: natural[f"{m.layer.name}.{part}"] for part in m.start}) for m in self.masters
        )

    def run(self, natural: Parameters, frames: Array) -> Run:
        """All steps for a batch, differentiable; `frames` uint8 as for `SpikingNetwork.run`."""
        signal, steps = self._feed(frames)
        outputs = []
        for layer, codes in zip(self.layers, self.codes(natural), strict=True):
            signal = layer(codes, signal, steps)
            outputs.append(signal)
        spiking = [isinstance(layer.layer, SpikingLayer) for layer in self.layers]
        return Run(signal, tuple(x for x, spikes in zip(outputs, spiking, strict=True) if spikes), ())

    def traces(self, natural: Parameters, frames: Array) -> dict[str, Array]:
        """Every signal of every step of the same forward pass, `[steps or 1, batch, neurons]`."""
        signal, steps = self._feed(frames)
        found: dict[str, Array] = {}
        for index, (layer, codes) in enumerate(zip(self.layers, self.codes(natural), strict=True)):
            prefix = layer_prefix(index, layer.layer)
            names = layer_signals(index, layer.layer)
            parts = {name: name.removeprefix(prefix).removeprefix(".") for name in names}
            run = layer.forward(codes, signal, steps, frozenset(parts.values()), feeds=jnp.float32)
            found |= {name: run.traces[part] for name, part in parts.items()}
            signal = run.output
        return found

    def lowered(self, natural: Parameters) -> tuple[Program, Description]:
        """The program of `natural`, and the float network with exactly its weights and biases.

        Raises:
            RangeError: a width of the trained program cannot be proven.
            CapacityError: the program does not fit the device.
        """
        with jax.enable_x64(True):
            codes = self._codes(natural)
        layers = tuple(
            m.described(layer, c)
            for m, layer, c in zip(self.masters, self.description.layers, codes, strict=True)
        )
        description = replace(self.description, layers=layers)
        evidence = replace(
            self.skeleton.evidence,
            tool_version=version("expifref"),
            model_sha256=description_digest(description),
            notes=(*self.skeleton.evidence.notes, _NOTE.format(self.skeleton.evidence.model_sha256)),
        )
        program = replace(
            self.skeleton,
            layers=tuple(m.lowered(c) for m, c in zip(self.masters, codes, strict=True)),
            evidence=evidence,
            golden=None,
        )
        prove(program, self.arithmetic.product_bits)
        place(program, self.profile)
        return replace(program, golden=record(program)), description

    @cached_property
    def _codes(self) -> Callable[[Parameters], tuple[Codes, ...]]:
        return jax.jit(self.codes)

    def _feed(self, frames: Array) -> tuple[Array, int]:
        """The input in float32 and its steps."""
        steps = self.description.steps if frames.shape[0] == 1 else frames.shape[0]
        return frames.astype(jnp.float32), steps


def quantized_network(
    description: Description, skeleton: Program, gradient: GradientRules = DEFAULT_RULES
) -> QuantizedNetwork:
    """The network to train from `description` and the program that was lowered from it.

    Raises:
        ParameterError: `skeleton` is not a program of `description`.
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
    """
    if skeleton.evidence.model_sha256 != description_digest(description):
        raise ParameterError(
            "training must start from the program of the model, but this program was lowered from another one"
        )
    profile = parse_profile(skeleton.evidence.profile, "the profile in the program")
    if profile.arithmetic is None:
        raise ParameterError(f"`{profile.name}` cannot run ExpIFRef neurons")
    hi, scale = skeleton.input.hi, get_encoder(description.encoder).scale
    masters, layers = [], []
    for layer, lowered in zip(description.layers, skeleton.layers, strict=True):
        trained = layer_masters(layer, lowered, hi, scale, profile.arithmetic)
        words = any_words(lowered, hi)
        layers.append(
            DifferentiableLayer(
                layer=trained.layer,
                words=words,
                filter=filter_arrays(lowered, words),
                neuron=neuron_arrays(lowered.neuron, words) if isinstance(lowered, SpikingLayer) else None,
                tau=layer.neuron.tau if isinstance(layer, SpikingDescription) else None,
                dt=description.dt,
                rules=gradient,
                surrogate=SURROGATE,
            )
        )
        masters.append(trained)
        hi, scale = 1, 1.0
    return QuantizedNetwork(description, skeleton, profile, profile.arithmetic, tuple(masters), tuple(layers))
