"""A graph as a differentiable function of the integers that are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp

from expifref.networks import Frames
from quantize.graph.layers import INPUT, Graph

from .delays import Line, make_line, seen
from .expif_gradient import NeuronGradient, fused_neuron
from .reverse import Codes, Inputs, LayerReverse
from .shapes import Outputs, Trace
from .straight_through import DifferentiableLayer
from .trained_plan import TrainedFormats, trained_plans

__all__ = ["TrainedGraph", "trained_graph"]


@dataclass(frozen=True, eq=False)
class TrainedGraph:
    """All layers in their order."""

    graph: Graph
    layers: tuple[DifferentiableLayer, ...]

    def outputs(self, codes: Mapping[str, Codes], frames: Frames, steps: int) -> dict[str, Outputs]:
        """What every layer puts out in all steps, in codes, as floats; differentiable.

        Args:
            codes: of every layer.
            frames: the input, of one step where all are the same.
            steps: number of steps.
        """
        return self._through(frames, steps, lambda one, name, inputs: one(codes[name], inputs, steps))

    def told(self, codes: Mapping[str, Codes], frames: Frames, steps: int) -> dict[str, Trace]:
        """Every signal of the same forward pass."""
        found: dict[str, Trace] = {}

        def run(layer: DifferentiableLayer, name: str, inputs: Inputs) -> Outputs:
            run = layer.told(codes[name], inputs, steps)
            found.update(run.traces)
            return run.lines[name].values

        self._through(frames, steps, run)
        return found

    def _through(
        self, frames: Frames, steps: int, run: Callable[[DifferentiableLayer, str, Inputs], Outputs]
    ) -> dict[str, Outputs]:
        lines = {INPUT: self._line(INPUT, frames.astype(jnp.float32), steps)}
        outputs: dict[str, Outputs] = {}
        for layer in self.layers:
            name = layer.plan.layer.name
            inputs = {
                index: seen(lines[one.feed.source], one.feed.delay, steps)
                for index, one in layer.plan.feeds.items()
            }
            outputs[name] = run(layer, name, inputs)
            lines[name] = self._line(name, outputs[name], steps)
        return outputs

    def _line(self, source: str, values: Outputs, steps: int) -> Line:
        ages = self.graph.histories.get(source)
        before = None if ages is None else jnp.zeros((ages, *values.shape[1:]), values.dtype)
        return make_line(before, values, steps)


def trained_graph(
    graph: Graph, trained: TrainedFormats, neurons: Mapping[str, NeuronGradient]
) -> TrainedGraph:
    """`graph` for training.

    Args:
        graph: its weights and the constants in `trained` do not count.
        trained: the constants that are trained, by layer.
        neurons: by layer, of those whose body may be that of the standard neuron.

    Raises:
        UnsupportedError: a layer is fed by itself or by a later one.
        RangeError: a width cannot be proven for all that training may arrive at.
    """
    layers = []
    for plan in trained_plans(graph, trained):
        name = plan.layer.name
        fused = fused_neuron(plan.layer, neurons.get(name))
        layers.append(DifferentiableLayer(LayerReverse(plan, trained.get(name, {}).keys(), fused)))
    return TrainedGraph(graph, tuple(layers))
