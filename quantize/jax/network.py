"""A network under quantization-aware training: its program's skeleton, its masters and its forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version

import jax

from expifref.encoders import get_encoder
from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import Description, description_digest, numbered
from expifref.network.modules import DEFAULT_RULES, Frames, Parameters, Run
from expifref.neurons.gradient import GradientRules
from hw_profiles import Arithmetic, Profile, parse_profile
from quantize.device.placement import place
from quantize.graph.bodies import output_format
from quantize.graph.layers import Convolution, Graph
from quantize.graph.proof import prove_graph
from quantize.program.golden import record
from quantize.program.program import Program
from quantize.run.emulator import spiking_outputs

from .described import seen_sources
from .expif_gradient import NeuronGradient
from .masters import LayerMasters, layer_masters
from .reverse import Codes
from .shapes import Trace
from .trained_graph import TrainedGraph, trained_graph

__all__ = ["QuantizedNetwork", "quantized_network"]

_NOTE = "quantization-aware training from the model {}"


@dataclass(frozen=True)
class QuantizedNetwork:
    """Everything about the network but the trained values, which are `natural` everywhere below."""

    description: Description  # the float network that training starts from
    skeleton: Program  # its post-training program
    profile: Profile
    arithmetic: Arithmetic
    masters: tuple[LayerMasters, ...]
    graph: TrainedGraph

    @property
    def start(self) -> Parameters:
        """The values before training, float32, in multiples of their natural size.

        By name: `<layer>.weight` `[source units, units]`, `<layer>.step` `[units]` where step sizes are
        trained, of further feeds `<layer>.weight1`, ..., and `<layer>.bias` `[units]`. Of a convolution
        `weight` is the kernel, and `step`, and `bias` where its places share it, are `[outputs]`.
        """
        return {
            f"{layer.name}.{part}": value for layer in self.masters for part, value in layer.start.items()
        }

    def codes(self, natural: Parameters) -> dict[str, Codes]:
        """The integers of every layer of the program that `natural` stand for, traced by JAX."""
        return {
            m.layer.name: m.codes({part: natural[f"{m.name}.{part}"] for part in m.start})
            for m in self.masters
        }

    def run(self, natural: Parameters, frames: Frames) -> Run:
        """All steps for a batch, differentiable; the values are those of `lowered(natural)`, bit for bit.

        Args:
            natural: the values of `start`, or what training made of them.
            frames: integers of the input, `[steps, batch, inputs]`, as the encoder makes them, or
                `[1, batch, inputs]` where all of the description's steps are the same.

        Returns:
            `output` `[steps, batch, classes]` of the last layer as real values, and `spikes`
            `[steps, batch, neurons]` of each spiking layer, all floats; `drives` are not told.
        """
        with jax.enable_x64(True):  # whatever the caller's own numbers are
            outputs = self.graph.outputs(self.codes(natural), frames, self._steps(frames))
            graph = self.skeleton.graph
            told = output_format(graph.by_name[graph.output])
            output = outputs[graph.output] * (1.0 if told is None else 2.0**-told.frac)
            spikes = tuple(outputs[name] for name in spiking_outputs(graph))
        return Run(output.astype(jax.dtypes.canonicalize_dtype(output.dtype)), spikes, ())

    def traces(self, natural: Parameters, frames: Frames) -> dict[str, Trace]:
        """Every signal of every step of the same forward pass, integers `[steps or 1, batch, units]`."""
        with jax.enable_x64(True):
            return self.graph.told(self.codes(natural), frames, self._steps(frames))

    def lowered(self, natural: Parameters) -> tuple[Program, Description]:
        """The program of `natural`, and the float network with exactly its weights and biases.

        The program is proven, placed and has a golden trace, as one that `quantize.lower` makes.

        Raises:
            RangeError: a width of the trained program cannot be proven.
            CapacityError: the program does not fit the device.
        """
        with jax.enable_x64(True):
            codes = self._codes(natural)
        described = tuple(
            m.described(layer, codes[m.layer.name])
            for m, layer in zip(self.masters, self.description.layers, strict=True)
        )
        description = replace(self.description, layers=described)
        layers = tuple(m.lowered(codes[m.layer.name]) for m in self.masters)
        evidence = replace(
            self.skeleton.evidence,
            tool_version=version("expifref"),
            model_sha256=description_digest(description),
            notes=(*self.skeleton.evidence.notes, _NOTE.format(self.skeleton.evidence.model_sha256)),
        )
        graph = replace(self.skeleton.graph, layers=layers)
        program = replace(self.skeleton, graph=graph, evidence=evidence, golden=None)
        prove_graph(graph, self.arithmetic.product_bits)
        place(graph, self.profile)
        return replace(program, golden=record(program)), description

    @cached_property
    def _codes(self) -> Callable[[Parameters], dict[str, Codes]]:
        return jax.jit(self.codes)

    def _steps(self, frames: Frames) -> int:
        return self.description.steps if frames.shape[0] == 1 else int(frames.shape[0])


def _check_kernels(description: Description, graph: Graph) -> None:
    for layer, lowered in zip(description.layers, graph.layers, strict=True):
        for index, (feed, made) in enumerate(zip(layer.feeds, lowered.feeds, strict=True)):
            if feed.window is not None and not isinstance(made.connection, Convolution):
                raise UnsupportedError(
                    f"`{layer.name}.{numbered('weight', index)}` must be a kernel in the program too to be "
                    "trained through the integers, but is a matrix, because neurons of a channel differ in "
                    "`R / delta_T`: train the float network, and lower it again"
                )


def quantized_network(
    description: Description, skeleton: Program, gradient: GradientRules = DEFAULT_RULES
) -> QuantizedNetwork:
    """The network to train from `description` and the program that was lowered from it.

    Raises:
        ParameterError: `skeleton` is not a program of `description`.
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
        UnsupportedError: a convolution was lowered as a matrix.
    """
    if skeleton.evidence.model_sha256 != description_digest(description):
        raise ParameterError(
            "training must start from the program of the model, but this program was lowered from another one"
        )
    profile = parse_profile(skeleton.evidence.profile, "the profile in the program")
    if profile.arithmetic is None:
        raise ParameterError(f"`{profile.name}` cannot run ExpIFRef neurons")
    graph = skeleton.graph
    _check_kernels(description, graph)
    sources = seen_sources(graph, get_encoder(description.encoder).scale)
    masters, neurons = [], {}
    for layer, lowered in zip(description.layers, graph.layers, strict=True):
        seen = [sources[feed.source] for feed in lowered.feeds]
        trained = layer_masters(layer, lowered, seen, profile.arithmetic)
        masters.append(trained)
        if trained.meaning.tau is not None:
            neurons[lowered.name] = NeuronGradient(trained.meaning.tau, description.dt, gradient)
    shifted = replace(graph, layers=tuple(m.layer for m in masters))
    formats = {m.layer.name: m.formats for m in masters}
    return QuantizedNetwork(
        description,
        skeleton,
        profile,
        profile.arithmetic,
        tuple(masters),
        trained_graph(shifted, formats, neurons),
    )
